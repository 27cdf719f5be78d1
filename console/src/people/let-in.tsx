import { useState } from 'react';
import type { ReactNode } from 'react';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { FormDialog } from '../parts/dialog';
import { Once } from '../parts/once';
import { usePersonTexts } from './person-texts';

/** As many characters as the API takes. */
const MAX_REASON = 200;

/**
 * Makes a link that lets the person in once, for a private window: in this browser, the session would stand beside that
 * of the administrator. The reason goes into the record.
 */
export function LetIn({ user: { id, name } }: { user: Schemas['User'] }): ReactNode {
  const { time } = useTexts();
  const { t: own } = usePersonTexts();
  const [link, setLink] = useState<Schemas['Access'] | null>(null);
  const makeLink = async (reason: string): Promise<void> => {
    // The page behind a link starts the session, so a program that looks at the link does not use it up.
    const query = { reason, delivery: 'link', session: 'ask' } as const;
    setLink(await dataOf(api.GET('/api/2.1.1/access/{user}', { params: { path: { user: id }, query } })));
  };
  return (
    <>
      <h2>{own('letIn')}</h2>
      <p>{own('letInHelp', { name })}</p>
      {link ? (
        <Once
          title={own('letInLink', { name })}
          text={link.url}
          help={own('letInUntil', { at: time(link.expires) })}
          onDone={() => setLink(null)}
        />
      ) : (
        <FormDialog
          label={own('letInMake')}
          title={own('letInLink', { name })}
          submitLabel={own('letInMake')}
          fields={[{ name: 'reason', label: own('letInReason'), hint: own('letInReasonHint'), maxLength: MAX_REASON }]}
          onSubmit={({ reason = '' }) => makeLink(reason)}
        />
      )}
    </>
  );
}
