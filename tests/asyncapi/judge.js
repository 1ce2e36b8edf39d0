// Reads an AsyncAPI document from standard input and says, as JSON, what the parser has against it.
const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

new Parser().parse(readFileSync(0, 'utf8')).then(({ document, diagnostics }) => {
  const found = diagnostics.map(({ code, message, path, severity }) => ({ code, message, severity, path: path.join('/') }));
  const read = document && { messages: document.allMessages().all().length, operations: document.operations().all().length };
  process.stdout.write(JSON.stringify({ found, read }));
});
