import type { Result } from '@signalbox/core';

/** Base URL of an API server, without a slash at the end. `scheme` is for a bare `host:port`. */
export function checkServerUrl(text: string, scheme: 'http' | 'https'): Result<string, string> {
  if (text === '') return { ok: false, error: 'it is not set' };
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${scheme}://${text}`;
  if (!URL.canParse(full)) return { ok: false, error: `${JSON.stringify(text)} is not a URL` };
  const url = new URL(full);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { ok: false, error: `${JSON.stringify(text)}: only http:// and https:// are supported` };
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return { ok: false, error: 'must be a URL of scheme, host, port and path only' };
  }
  return { ok: true, value: `${url.protocol}//${url.host}${url.pathname}`.replace(/\/+$/, '') };
}
