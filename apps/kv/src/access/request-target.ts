/**
 * The path and query of a request's target. Clients that speak to a proxy send the absolute form (`GET http://host/key`), and a
 * server must take it; which host it names says nothing about the key, and must not choose where a redirect leads.
 */
export function originForm(target: string): string {
  if (target.charCodeAt(0) === SLASH || target === '*') return target;
  const rest = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*([^#]*)/i.exec(target)?.[1];
  if (rest === undefined) return target;
  return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`;
}

const SLASH = 47;
