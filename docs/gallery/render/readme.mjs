// The page of the gallery.

const HEAD = `# Gallery

What Campanile sends, as people see it: for each kind what it makes of an alert about a flow, about a
host, and about a system, and of the end of the host's condition. \`make gallery\` makes all of this
anew: the bodies are those of \`POST /v1/preview\` of a real engine, asked about the alerts in
[\`render/alerts.json\`](render/alerts.json) with the settings in
[\`render/settings.json\`](render/settings.json).

Teams cards are drawn by Microsoft's renderer of Adaptive Cards, Slack's blocks by
\`slack-blocks-to-jsx\`, mails by a browser; all others by pages in [\`render/looks\`](render/looks) that
follow the service's own look, without its fonts. Pictures are as wide as a telephone. Ids of alerts and
times of arrival, which are new each time, are replaced.

ntopng itself sends no link: that of the flow alert is there to show one.
`;

const NAMES = {
  slack: 'Slack', msteams: 'Microsoft Teams', discord: 'Discord', mattermost: 'Mattermost', telegram: 'Telegram',
  wechat: 'WeCom (WeChat)', email: 'E-mail', pagerduty: 'PagerDuty', thehive: 'TheHive', syslog: 'Syslog',
  elasticsearch: 'Elasticsearch', webhook: 'Webhook', file: 'File',
};

export function readme(kinds) {
  const list = kinds.map(({ kind }) => `- [${NAMES[kind]}](#${anchor(NAMES[kind])})`).join('\n');
  return [HEAD, list, '', ...kinds.map(section)].join('\n');
}

function section({ kind, messages }) {
  const drawn = messages.filter((one) => one.is_drawn);
  const rows = [];
  for (let at = 0; at < drawn.length; at += 2) rows.push(drawn.slice(at, at + 2));
  const table = rows.map((row, at) => {
    const titles = `| ${row.map((one) => one.title).join(' | ')} |`;
    const pictures = `| ${row.map((one) => `![${alt(one)}](${kind}/${one.name}.png)`).join(' | ')} |`;
    const rule = `|${row.map(() => '---|').join('')}`;
    return `${titles}\n${rule}\n${pictures}\n`;
  });
  const texts = messages.map((one) => `**${one.title}**\n\n${fenced(one.text)}\n`);
  const told = `<details><summary>As text</summary>\n\n${texts.join('\n')}\n</details>\n`;
  return [`## ${NAMES[kind]}\n`, ...table, told].join('\n');
}

const anchor = (name) => name.toLowerCase().replace(/[^a-z0-9 -]/g, '').replaceAll(' ', '-');

const alt = ({ text }) => text.replace(/\s+/g, ' ').replace(/[[\]|<>]/g, ' ').slice(0, 200).trim();

function fenced(text) {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([one]) => one.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}
