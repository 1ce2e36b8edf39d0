// Where and in which language something is read: what every format needs to know.

export type Language = 'id' | 'en';

export interface Place {
  language: Language;
  /** The viewer's zone and the platform's, as IANA names. */
  zone: string;
  platform_zone: string;
}

/** Never navigator.language: a machine may say `en-US@posix`, and Intl throws at it. */
export const LOCALES: Record<Language, string> = { id: 'id-ID', en: 'en-GB' };

export function usableZone(zone: string | undefined): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
