import { useState } from 'react';
import type { ReactNode } from 'react';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { ConfirmDialog } from '../parts/dialog';
import { Once } from '../parts/once';
import { usePersonTexts } from './person-texts';

/** Makes a link with which somebody sets their password, as Latchkey sends no mail. */
export function PasswordLink({ user: { id, name } }: { user: Schemas['User'] }): ReactNode {
  const { time } = useTexts();
  const { t: own } = usePersonTexts();
  const [link, setLink] = useState<Schemas['PasswordLink'] | null>(null);
  return (
    <>
      <h2>{own('password')}</h2>
      {link ? (
        <Once
          title={own('passwordLinkFor', { name })}
          text={link.url}
          help={own('passwordLinkUntil', { name, at: time(link.expires) })}
          onDone={() => setLink(null)}
        />
      ) : (
        <ConfirmDialog
          label={own('passwordLinkMake')}
          question={own('passwordLinkQuestion', { name })}
          onConfirm={async () => {
            const params = { path: { user: id } };
            setLink(await dataOf(api.POST('/api/2.1.1/user/{user}/password-link', { params })));
          }}
        />
      )}
    </>
  );
}
