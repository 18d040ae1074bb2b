/** What components ask of the page around them. */

export interface Toast {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Shows a short message, with an undo where there is one. */
export function showToast(from: EventTarget, toast: Toast): void {
  from.dispatchEvent(new CustomEvent<Toast>('mm-toast', { detail: toast, bubbles: true, composed: true }));
}

/** Says something to a screen reader, and to nobody else. */
export function announce(from: EventTarget, text: string): void {
  from.dispatchEvent(new CustomEvent<string>('mm-announce', { detail: text, bubbles: true, composed: true }));
}

export function setPageTitle(title: string): void {
  document.title = `${title} · Murmuration`;
}

/** Offers bytes as a file to keep. */
export function saveFile(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
