/** A URL for each host of `postgres://user:password@a:5432,b:5432/name`, as libpq reads it. */
export function urlsOfHosts(databaseUrl: string): string[] {
  const [, before, hosts, after] = /^(\w+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s.exec(databaseUrl) ?? [];
  return hosts === undefined ? [databaseUrl] : hosts.split(',').map((host) => `${before}${host}${after}`);
}
