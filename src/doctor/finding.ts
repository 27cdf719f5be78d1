/** What an examination has found out. */
export interface Finding {
  check:
    | 'settings'
    | 'database'
    | 'schema'
    | 'keys'
    | 'clock'
    | 'disk'
    | 'files'
    | 'proxies'
    | 'connections'
    | 'failover'
    | 'retention';
  level: 'ok' | 'warning' | 'error';
  text: string;
  /** What to do about it. */
  advice?: string;
}

export function ok(check: Finding['check'], text: string): Finding {
  return { check, level: 'ok', text };
}

export function warning(check: Finding['check'], text: string, advice: string): Finding {
  return { check, level: 'warning', text, advice };
}

export function error(check: Finding['check'], text: string, advice: string): Finding {
  return { check, level: 'error', text, advice };
}
