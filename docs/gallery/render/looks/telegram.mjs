// A message of a bot in Telegram.
import { escaped, page } from '../html.mjs';

const style = `
#message { background: #d5e3cf; }
.bubble { background: #fff; border-radius: 14px 14px 14px 4px; padding: 8px 12px 6px; white-space: pre-wrap; font-size: 16px; line-height: 1.32; }
.name { color: #3a95d5; font-weight: bold; font-size: 15px; }
a { color: #3a7cbd; }
code, pre { font-family: "DejaVu Sans Mono", monospace; font-size: 14px; color: #2b6a99; }
pre { white-space: pre-wrap; margin: 3px 0; padding: 6px 8px; background: #eef5fb; border-left: 3px solid #3a95d5; border-radius: 4px; }
blockquote { margin: 3px 0; padding: 2px 8px; border-left: 3px solid #3a95d5; background: #eef5fb; }
time { display: block; text-align: right; font-size: 12px; color: #8a9aa5; }`;

// Telegram's HTML has few tags, and no entities but four.
const KNOWN = /^(b|strong|i|em|u|s|code|pre|blockquote|a href="[^"<>]*"|\/(b|strong|i|em|u|s|code|pre|blockquote|a))$/;

export function draw(body, { at }) {
  const { text, parse_mode, disable_notification } = JSON.parse(body);
  const shown = parse_mode === 'HTML' ? html(text) : escaped(text);
  const sound = disable_notification ? '🔕 ' : '';
  return page({ style, body: `<div class="bubble"><span class="name" data-around>Campanile</span>
${shown}<time data-around>${sound}${at}</time></div>` });
}

function html(text) {
  for (const [, tag] of text.matchAll(/<([^>]*)>/g)) {
    if (!KNOWN.test(tag)) throw new Error(`Telegram knows no <${tag}>`);
  }
  for (const [entity] of text.matchAll(/&[^;\s]*;?/g)) {
    if (!/^&(lt|gt|amp|quot|#\d+);$/.test(entity)) throw new Error(`Telegram knows no ${entity}`);
  }
  return text.replace(/\n?(<(pre|blockquote)>[^]*?<\/\2>)\n?/g, '$1');
}
