import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import { Actions } from './actions';
import { downloadText } from './download';
import type { OnceProps } from './once';
import { useOnceTexts } from './once-texts';
import style from './once.module.css';

/** Shows a secret until somebody says that they have it. It is kept nowhere else. */
export default function OnceShown({ title, text, fileName, help, children, onDone }: OnceProps): ReactNode {
  const { t } = useOnceTexts();
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
