/** The texts of what is shown once. */
export const en = {
  shownOnce: 'This is shown only now. Keep it in a safe place.',
  download: 'Download',
  copy: 'Copy',
  copied: 'Copied',
  iHaveIt: 'I have it',
};

export type OnceMessages = Readonly<Record<keyof typeof en, string>>;
