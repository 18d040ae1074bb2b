import { canonicalJson } from '../../shared/federation/index.ts';
import type { AuditEntry } from './audit-log.ts';

/** One entry on one line: its fields as they are hashed, the hash too, so that the receiver can check the chain by itself. */
export function jsonLine(entry: AuditEntry): string {
  return canonicalJson(entry);
}

/** Facility 13, log audit (RFC 5424, section 6.2.1); severity 6, informational, and 4, warning, for what was refused or failed. */
const FACILITY = 13;
const INFORMATIONAL = 6;
const WARNING = 4;
const WARNS: ReadonlySet<string | undefined> = new Set(['refused', 'failed']);

/**
 * The same as a syslog message (RFC 5424, section 6) in octet-counting frames (RFC 6587, section 3.4.1). The text is the JSON line
 * behind a byte order mark, which says that it is UTF-8 (section 6.4).
 */
export function syslogFrame(entry: AuditEntry, host: string): Uint8Array {
  const priority = 8 * FACILITY + (WARNS.has(entry.outcome) ? WARNING : INFORMATIONAL);
  const at = new Date(entry.atMs).toISOString();
  const header = `<${priority}>1 ${at} ${headerText(host, 255)} murmuration - ${headerText(entry.action, 32)} -`;
  const message = Buffer.from(`${header} \uFEFF${jsonLine(entry)}`);
  return Buffer.concat([Buffer.from(`${message.byteLength} `), message]);
}

/** Printable ASCII without spaces, at most so long; nothing is written as a dash. */
function headerText(text: string, length: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '').slice(0, length) || '-';
}
