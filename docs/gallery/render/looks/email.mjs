// A mail in a telephone's mail program: its HTML part, and its text part as text.
import PostalMime from 'postal-mime';
import { avatar, day, escaped, page } from '../html.mjs';

const style = `
#message { background: #fff; color: #202124; padding: 12px 0 0; overflow-wrap: normal; }
.subject { overflow-wrap: anywhere; font-size: 20px; line-height: 1.25; padding: 0 14px 10px; }
.from { padding: 0 14px 6px; }
.from small { display: block; color: #5f6368; }
.avatar { border-radius: 50%; }`;

export async function draw(body) {
  const mail = await PostalMime.parse(body);
  const inner = mail.html ? mail.html.replace(/^[^]*<body[^>]*>|<\/body>[^]*$/g, '') : `<pre>${escaped(mail.text)}</pre>`;
  const to = mail.to.map((one) => one.name || one.address).join(', ');
  return page({ style, body: `<div class="subject">${escaped(mail.subject)}</div>
    <div class="from row" data-around>${avatar('#1a73e8')}<div class="grow"><b>${escaped(mail.from.name)}</b>
    <small>to ${escaped(to)}, ${day(mail.date)}</small></div></div>${inner}` });
}

export async function text(body) {
  const mail = await PostalMime.parse(body);
  return `Subject: ${mail.subject}\n\n${mail.text}`;
}
