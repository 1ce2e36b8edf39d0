// Commands of the runbook: a value is filled in only where it can neither leave its place nor mean something else.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { command, shellWord } from '../src/i18n/command';

const ALTER = "psql -c 'alter table {table} enable trigger {trigger}'";
const HOSTILE = [
  "x'; rm -rf / #",
  'x"; rm -rf / #',
  'x; rm -rf /',
  '$(touch /tmp/x)',
  '`touch /tmp/x`',
  'x\nrm -rf /',
  'x\ry',
  'x && y',
  'x | y',
  '../../etc/passwd',
  '-rf',
  '--help',
  'messages--',
  'a--b',
  'Messages',
  'a b',
  'a\u202eb',
  'a\u0000b',
  'ä',
  '{trigger}',
  '$&',
  '',
  'a'.repeat(64),
];
const said = (word: string) => execFileSync('sh', ['-c', `printf '%s|' ${word}`], { encoding: 'utf-8' });

describe('a name of the platform', () => {
  it('is filled in where it is plain', () => {
    expect(command(ALTER, { table: 'public.messages', trigger: 'trg_messages_notify' })).toBe(
      "psql -c 'alter table public.messages enable trigger trg_messages_notify'",
    );
    expect(command('docker compose up -d {service}', { service: 'huph-api' })).toBe('docker compose up -d huph-api');
    expect(command('kill -0 {holder}', { holder: 4711 })).toBe('kill -0 4711');
  });
  it.each(HOSTILE)('is not offered as %j', (value) => {
    expect(command(ALTER, { table: value, trigger: 'trg' })).toBeUndefined();
    expect(command(ALTER, { table: 'messages', trigger: value })).toBeUndefined();
  });
  it('is not offered where it is not known, or is no text', () => {
    for (const value of [undefined, null, true, ['a'], { a: 1 }, 1.5, -1, Number.NaN, '?', '–']) {
      expect(command(ALTER, { table: value, trigger: 'trg' })).toBeUndefined();
    }
    expect(command('x {constructor}', {})).toBeUndefined();
  });
  it('leaves a command without values as it is, with its own braces and dollars', () => {
    const told = `for s in a b; do docker exec "$s" sh -c 'echo $1 {{.Names}}'; done`;
    expect(command(told, { s: 'x' })).toBe(told);
  });
});

describe('a word of the configuration', () => {
  it('stays as it is where a shell takes it for itself', () => {
    expect(command('ls -l {path}', { path: '/opt/huph/.env' })).toBe('ls -l /opt/huph/.env');
  });
  it.each([
    ['/opt/my huph/.env', "'/opt/my huph/.env'"],
    ["/opt/o'brien", "'/opt/o'\\''brien'"],
    ['/opt/$(id)', "'/opt/$(id)'"],
    ['~root', "'~root'"],
    ['a=b', "'a=b'"],
  ])('is quoted: %s', (path, word) => expect(shellWord(path)).toBe(word));
  it('comes out of a real shell as it went in, whatever it holds', () => {
    const letters = [...' !"#$%&\'()*+,-./0:;<=>?@A[\\]^_`a{|}~ä中'];
    let seed = 7;
    for (let turn = 0; turn < 60; turn += 1) {
      const text = Array.from({ length: 1 + (turn % 9) }, () => {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        return letters[seed % letters.length];
      }).join('');
      const word = shellWord(text);
      if (text.startsWith('-')) expect(word).toBeUndefined();
      else expect(said(word ?? '')).toBe(`${text}|`);
    }
  });
  it('is not offered with line ends, hidden marks, or as an option', () => {
    for (const path of ['/a\nb', '/a\u0000', '/a\u202eb', '/a\u2028b', '-rf', '', 'x'.repeat(201)]) {
      expect(command('ls -l {path}', { path })).toBeUndefined();
    }
  });
});

describe('the host of a target', () => {
  it.each([
    ['db.example:5432/huph', 'db.example'],
    ['127.0.0.1:5432/huph', '127.0.0.1'],
    ['[::1]:5432/huph', '::1'],
    ['http://localhost:5001/health', 'localhost'],
    ['valkey', 'valkey'],
  ])('of %s is %s', (target, host) => expect(command('ping -c 3 {host}', { target })).toBe(`ping -c 3 ${host}`));
  it('is the one that the reason names', () => {
    expect(command('getent hosts {host}', { host: 'dify', target: 'http://other:1/' })).toBe('getent hosts dify');
  });
  it.each(['/var/run/postgresql', '-x:1', '$(id):5432/x', 'a b:1', ''])('is not known of %j', (target) => {
    expect(command('ping -c 3 {host}', { target })).toBeUndefined();
  });
});
