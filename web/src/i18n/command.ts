// A command of the runbook with its values: only what can neither leave its place nor mean something else is filled in.

/** Of the monitor's own configuration: any text, set as one word of the shell's line. The daemon sees to it that they stand outside of quotes. */
const WORDS = new Set(['host', 'path', 'target']);
/** What comes from the platform must be such a name or number, which is the same inside quotes of a shell or of SQL and outside. */
const NAME = /^[a-z_][a-z0-9_.-]{0,62}$/;
const WHOLE = /^\d{1,15}$/;
/** Two of them begin a comment of SQL. */
const COMMENT = '--';
/** A shell takes these letters for nothing but themselves (POSIX.1-2024, XCU 2.2 and 2.6). */
const PLAIN = /^[A-Za-z0-9_./:@%+,-]+$/;
/** Control characters, line ends, and marks that let a text read as another one. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const LONGEST = 200;

/** Nothing where a value is not known or not fit: half a command is not offered. */
export function command(template: string, params: { [name: string]: unknown }): string | undefined {
  let fit = true;
  const told = withHost(params);
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = Object.hasOwn(told, name) ? told[name] : undefined;
    const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
    const safe = WORDS.has(name) ? shellWord(text) : plainName(text);
    if (safe === undefined) fit = false;
    return safe ?? '';
  });
  return fit ? filled : undefined;
}

function plainName(text: string): string | undefined {
  return (NAME.test(text) && !text.includes(COMMENT)) || WHOLE.test(text) ? text : undefined;
}

/** One word, whatever it holds; what would be read as an option is none. */
export function shellWord(text: string): string | undefined {
  if (text === '' || text.length > LONGEST || text.startsWith('-') || HIDDEN.test(text)) return undefined;
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The host within a reason's target, where the reason names none itself. */
export function withHost(params: { [name: string]: unknown }): { [name: string]: unknown } {
  const host = params.host === undefined && typeof params.target === 'string' ? hostOf(params.target) : undefined;
  return host === undefined ? params : { ...params, host };
}

/** Of `db.example:5432/huph` and of a whole address alike; a socket in the file system has none. */
function hostOf(target: string): string | undefined {
  const found = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+))(?=[:/]|$)/.exec(target);
  return found?.[1] ?? found?.[2];
}
