import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import { useTexts } from '../language';
import { Actions } from './actions';
import { downloadText } from './download';
import style from './once.module.css';

/** A secret that the service shows once, or that only this browser has. */
export interface OnceText {
  title: string;
  text: string;
  /** The name under which it can be downloaded. */
  fileName?: string;
  /** What to do with it, if not to keep it. */
  help?: string;
}

/** Shows a secret until somebody says that they have it. It is kept nowhere else. */
export function Once({
  title,
  text,
  fileName,
  help,
  children,
  onDone,
}: OnceText & { children?: ReactNode; onDone: () => void }): ReactNode {
  const { t } = useTexts();
  const id = useId();
  const [isCopied, setIsCopied] = useState(false);
  return (
    <section aria-labelledby={id} className={style.once}>
      <h2 id={id}>{title}</h2>
      <p role="status">{help ?? t('shownOnce')}</p>
      <pre tabIndex={0} aria-labelledby={id}>
        {text}
      </pre>
      {children}
      <Actions>
        {fileName !== undefined && (
          <button type="button" data-kind="main" onClick={() => downloadText(fileName, text)}>
            {t('download')}
          </button>
        )}
        <button type="button" onClick={() => void navigator.clipboard.writeText(text).then(() => setIsCopied(true))}>
          {isCopied ? t('copied') : t('copy')}
        </button>
        <button type="button" onClick={onDone}>
          {t('iHaveIt')}
        </button>
      </Actions>
    </section>
  );
}
