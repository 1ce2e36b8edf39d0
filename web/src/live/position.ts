// The client law: given my place in line, what may be done with a message.
import type { Message } from './wire';

export type Action = 'apply' | 'ignore' | 'resync';

export function judge(seq: number, message: Message): Action {
  switch (message.type) {
    case 'snapshot':
      return 'apply';
    case 'diff': {
      if (message.seq <= seq) return 'ignore';
      // A merged diff that starts before my place is asked anew as well: there is no repair code.
      return (message.prev ?? message.seq - 1) === seq ? 'apply' : 'resync';
    }
    case 'bookmark':
      return message.seq === seq ? 'apply' : 'resync';
    default:
      return 'ignore';
  }
}
