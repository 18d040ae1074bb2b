import { parseArgs } from 'node:util';
import { hasCode, MurmurationError } from '../shared/errors/index.ts';
import { ROLES } from '../signaling-server/access/permission.ts';
import {
  COMMANDS,
  type Command,
  type CommandOptions,
  runCommand,
} from '../signaling-server/admin/commands.ts';
import type { Check, Report } from '../signaling-server/admin/report.ts';
import { readConfig } from '../signaling-server/config.ts';
import { createLog } from '../signaling-server/log.ts';
import { writeJson } from './options.ts';
import { formatTable } from './table.ts';

/**
 * `npm run admin -- COMMAND`: what an operator does by hand, on the data itself (with the variables the server is started with), or with --server on a server
 * that runs. Exit 0 when nothing critical is wrong, 1 when something is, 2 on bad usage.
 */
const USAGE = `Usage: npm run admin -- COMMAND [options]

  migrate                         bring the database to this version
  backup FOLDER                   write all that the server keeps into a new folder
  restore FOLDER                  put a backup in its place; over what is there: --force --confirm NAME; where that is
                                  gone, --erasures FILE (erasures.json of a newer backup) keeps the deleted deleted
  health-check                    could a server run on this?
  privacy-validate                compute every budget again, verify every ledger, hold rounds against policies
  security-audit                  settings, keys and files that let in who should not be
  compliance-check                consent, retention, deletions, records of processing
  verify-audit                    the audit's chain and its signatures
  create-key --name N --role R    ${ROLES.join(', ')}; --federation, --department, --user, --days
  drain                           no new rounds, and wait for those under way: --wait SECONDS; --off ends it

  --json FILE, --report FILE      the result as JSON
  --server URL                    ask a running server (health-check, create-key, drain), with the key of an
                                  operator in --key or, better, in ADMIN_KEY`;

const DAY_MS = 24 * 3600_000;
const SYMBOLS = { info: 'ok', warning: 'WARNING', critical: 'FAILED' } as const;

const { command, options, json } = readArguments();
const log = createLog('error');
try {
  const config = readConfig(process.env);
  const { report, secret } = await runCommand(command, options, { config, log, nowMs: Date.now() });
  print(report);
  if (secret !== undefined) console.log(`\nThe key, shown this once: ${secret}`);
  writeJson(json, report);
  process.exitCode = report.ok ? 0 : 1;
} catch (thrown) {
  if (!(thrown instanceof MurmurationError)) throw thrown;
  const { expected, received, remedy } = thrown.facts;
  console.error(`${thrown.code}: ${thrown.message}`);
  for (const [name, fact] of Object.entries({ expected, received, remedy }))
    if (fact !== undefined) console.error(`  ${name}: ${fact}`);
  writeJson(json, {
    command,
    ok: false,
    atMs: Date.now(),
    checks: [],
    error: { code: thrown.code, message: thrown.message },
  });
  process.exitCode = hasCode(thrown, 'argument.invalid') ? 2 : 1;
}

function print({ command: name, ok, checks }: Report): void {
  const rows = checks.map((each) => [each.name, symbolOf(each), each.detail]);
  console.log(formatTable(['check', '', 'what was found'], rows));
  console.log(`\n${name}: ${ok ? 'nothing critical is wrong.' : 'something critical is WRONG.'}`);
}

function symbolOf({ ok, severity }: Check): string {
  return ok ? SYMBOLS.info : SYMBOLS[severity];
}

function readArguments(): { command: Command; options: CommandOptions; json: string | undefined } {
  try {
    const { values, positionals } = parseArgs({
      options: {
        json: { type: 'string' },
        report: { type: 'string' },
        server: { type: 'string' },
        key: { type: 'string' },
        force: { type: 'boolean' },
        confirm: { type: 'string' },
        erasures: { type: 'string' },
        off: { type: 'boolean' },
        wait: { type: 'string' },
        name: { type: 'string' },
        role: { type: 'string' },
        federation: { type: 'string' },
        department: { type: 'string' },
        user: { type: 'string' },
        days: { type: 'string' },
      },
      strict: true,
      allowPositionals: true,
    });
    const [name, folder, ...more] = positionals;
    const found = COMMANDS.find((each) => each === name);
    const takesFolder = found === 'backup' || found === 'restore';
    if (found === undefined)
      return misused(name === undefined ? 'Which command?' : `There is no command "${name}".`);
    if (more.length > 0 || takesFolder !== (folder !== undefined))
      return misused(takesFolder ? 'Which folder?' : `${found} takes no folder.`);
    const { server, force, confirm, erasures, off } = values;
    if (erasures !== undefined && found !== 'restore') return misused('--erasures is of restore.');
    const key = values.key ?? process.env.ADMIN_KEY ?? process.env.OPERATOR_KEY;
    if (server !== undefined && !['health-check', 'create-key', 'drain'].includes(found))
      return misused(`${found} works on the data itself, not on a running server.`);
    if (server !== undefined && (!URL.canParse(server) || key === undefined))
      return misused('--server needs an address and the key of an operator.');
    return {
      command: found,
      json: values.json ?? values.report,
      options: {
        folder,
        confirm,
        erasures,
        ...(force === undefined ? {} : { force }),
        ...(off === undefined ? {} : { off }),
        ...(values.wait === undefined ? {} : { waitMs: 1000 * wholeNumber('wait', values.wait) }),
        ...(server === undefined ? {} : { server: { url: server, key: key! } }),
        ...(found === 'create-key' ? { key: keyOrder(values) } : {}),
      },
    };
  } catch (thrown) {
    return misused((thrown as Error).message);
  }
}

type KeyValues = Readonly<
  Partial<Record<'name' | 'role' | 'federation' | 'department' | 'user' | 'days', string>>
>;

function keyOrder({
  name,
  role,
  federation,
  department,
  user,
  days,
}: KeyValues): NonNullable<CommandOptions['key']> {
  const known = ROLES.find((each) => each === role);
  if (name === undefined || known === undefined)
    return misused(`create-key needs --name and --role: ${ROLES.join(', ')}.`);
  const expiresAtMs = days === undefined ? undefined : Date.now() + wholeNumber('days', days) * DAY_MS;
  return { name, role: known, federation, department, user, expiresAtMs };
}

function wholeNumber(name: string, value: string): number {
  return /^[1-9]\d{0,5}$/.test(value) ? Number(value) : misused(`--${name} takes a whole number above 0.`);
}

function misused(problem: string): never {
  console.error(`${problem}\n\n${USAGE}`);
  process.exit(2);
}
