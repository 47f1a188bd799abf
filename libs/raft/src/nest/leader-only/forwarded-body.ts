import type { IncomingMessage } from 'node:http';

/** Bytes to send, or the request itself where nobody has read it yet. */
export type ForwardedBody =
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly rewritten: boolean }
  | { readonly kind: 'unread' }
  | { readonly kind: 'none' };

const NONE: ForwardedBody = { kind: 'none' };

/**
 * A guard runs behind the body parsers: the bytes may be gone, and only what was parsed be left.
 *
 * @param raw the request as Node knows it
 * @param parsed what a body parser made of it
 * @param rawBody the bytes, where the application keeps them (`rawBody: true`)
 */
export function forwardedBody(raw: IncomingMessage, parsed: unknown, rawBody: unknown): ForwardedBody {
  const { headers } = raw;
  const announced = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!announced) return NONE;
  if (rawBody instanceof Uint8Array)
    // The bytes as they were received but for their encoding, which the parser has undone.
    return bytes(rawBody, headers['content-encoding'] !== undefined);
  if (!raw.readableDidRead) return { kind: 'unread' };
  if (parsed === undefined || parsed === null)
    return isJson(headers['content-type']) && parsed === null ? bytes(Buffer.from('null'), true) : NONE;
  if (parsed instanceof Uint8Array) return bytes(parsed, true);
  if (isForm(headers['content-type'])) return bytes(Buffer.from(formText(parsed)), true);
  if (typeof parsed === 'string' && !isJson(headers['content-type'])) return bytes(Buffer.from(parsed), true);
  return bytes(Buffer.from(JSON.stringify(parsed)), true);
}

function bytes(content: Uint8Array, rewritten: boolean): ForwardedBody {
  return { kind: 'bytes', bytes: Buffer.from(content.buffer, content.byteOffset, content.byteLength), rewritten };
}

function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && /^[^;]*[/+]json\s*(;|$)/i.test(contentType);
}

function isForm(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType);
}

/** Writes nested values with brackets, as the parsers of Express and Fastify read them: `a[b]=1`, `list[0]=x`. */
function formText(form: unknown): string {
  const pairs: string[] = [];
  const write = (name: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) write(name === '' ? key : `${name}[${key}]`, inner);
      return;
    }
    const text = typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
    pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(text)}`);
  };
  write('', form);
  return pairs.join('&');
}
