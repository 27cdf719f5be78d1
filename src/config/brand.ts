import { readFileSync, statSync } from 'node:fs';

/** Colours of buttons and links on a light and on a dark ground, as `#rrggbb`. */
export interface BrandColors {
  light: string;
  dark: string;
}

/** The colours of the console. */
export const DEFAULT_COLORS: BrandColors = { light: '#1a56b0', dark: '#8ab6ff' };

/** The grounds on which text in the colours stands. What is written on a button has at least the contrast of these. */
const GROUNDS = { light: ['#ffffff', '#f3f5f8'], dark: ['#1d232d', '#14181f'] } as const;
/** WCAG 2.2, 1.4.3: contrast of text. */
const MIN_CONTRAST = 4.5;

/** Every page contains the logo. */
const MAX_LOGO_BYTES = 32 * 1024;

/** Whether text in this colour can be read on the pages in this scheme. */
export function isReadable(color: string, scheme: keyof BrandColors): boolean {
  return GROUNDS[scheme].every((ground) => contrast(color, ground) >= MIN_CONTRAST);
}

/** The contrast of two colours, 1 to 21 (WCAG 2.2, contrast ratio). */
function contrast(one: string, other: string): number {
  const [lighter, darker] = [luminance(one), luminance(other)].toSorted((a, b) => b - a) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

/** WCAG 2.2, relative luminance. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const value = parseInt(color.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Reads a logo as a `data:` URL. @throws Error that says what is wrong with the file */
export function readLogo(path: string): string {
  const { size } = statSync(path);
  if (size > MAX_LOGO_BYTES) throw new Error(`it has ${size} bytes, but at most ${MAX_LOGO_BYTES} are allowed`);
  const bytes = readFileSync(path);
  const type = typeOf(bytes);
  if (type === null) throw new Error('it is neither an SVG nor a PNG, JPEG or WebP image');
  return `data:${type};base64,${bytes.toString('base64')}`;
}

function typeOf(bytes: Buffer): string | null {
  const start = bytes.toString('latin1', 0, 12);
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (/^RIFF[^]{4}WEBP/.test(start)) return 'image/webp';
  return /^\ufeff?\s*(?:<\?xml[^>]*>\s*|<!--[^]*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]/i.test(bytes.toString('utf8'))
    ? 'image/svg+xml'
    : null;
}
