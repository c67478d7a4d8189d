// How each kind's messages look. A look is `draw(body, {at, others})`, which gives a page, and where
// its text is not what that page reads, `text(body)`. A kind for programs has no `draw`.
import * as discord from './looks/discord.mjs';
import * as email from './looks/email.mjs';
import * as mattermost from './looks/mattermost.mjs';
import * as msteams from './looks/msteams.mjs';
import * as pagerduty from './looks/pagerduty.mjs';
import * as slack from './looks/slack.mjs';
import * as telegram from './looks/telegram.mjs';
import * as thehive from './looks/thehive.mjs';
import * as wechat from './looks/wechat.mjs';

const lines = { text: (body) => body };
// One document after the other, in as few lines as can be read.
const json = { text: (body) => body.trim().split('\n').map((line) => laidOut(JSON.parse(line))).join('\n') };

const COLUMNS = 100;

function laidOut(value, indent = '') {
  const short = JSON.stringify(value);
  if (value === null || typeof value !== 'object' || indent.length + short.length <= COLUMNS) return short;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((one) => laidOut(one, inner))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${laidOut(one, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${filled(parts, inner)}\n${indent}${close}`;
}

// As many parts on a line as fit.
function filled(parts, indent) {
  const lines = [];
  for (const part of parts) {
    const line = lines.at(-1);
    const fits = line && !line.includes('\n') && !part.includes('\n') && line.length + part.length + 3 <= COLUMNS;
    if (fits) lines[lines.length - 1] = `${line}, ${part}`;
    else lines.push(indent + part);
  }
  return lines.join(',\n');
}

export const looks = {
  slack, msteams, discord, mattermost, telegram, wechat, email, pagerduty, thehive,
  syslog: lines, elasticsearch: json, webhook: json, file: json,
};
