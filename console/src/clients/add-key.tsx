import { useState } from 'react';
import type { ReactNode } from 'react';
import { Actions } from '../parts/actions';
import { ConfirmDialog, FormDialog } from '../parts/dialog';
import { Once } from '../parts/once';
import type { OnceText } from '../parts/once';
import { useClientsTexts } from './clients-texts';

interface AddKeyProps {
  /** The name of whose key it is, for the file of the private half. */
  owner: string;
  /** What happens beside, such as that the secrets end. */
  warning?: string;
  /** Registers a public key: a JWK as JSON, or what was pasted. Resolves to its `kid` if that is known. */
  onAdd: (publicKey: string) => Promise<string | undefined>;
}

/** Reading and making keys is code that the page does not need at first. */
const loadKeys = () => import('./keys');

/** Browsers have WebCrypto on https and on this machine only. */
const canMakeKeys = (): boolean => window.isSecureContext;

/** Adds a key that is pasted, or made in this browser, which keeps its private half until it is downloaded. */
export function AddKey({ owner, warning, onAdd }: AddKeyProps): ReactNode {
  const { t: own } = useClientsTexts();
  const [privateKey, setPrivateKey] = useState<OnceText | null>(null);
  return (
    <>
      <Actions>
        {canMakeKeys() && (
          <ConfirmDialog
            label={own('makeKey')}
            question={[own('makeKeyHelp'), warning].join(' ')}
            onConfirm={async () => {
              const { publicKey, privateKey: text } = await (await loadKeys()).makeKeyPair();
              const kid = (await onAdd(JSON.stringify(publicKey))) ?? publicKey.kid!;
              setPrivateKey({ title: own('privateKeyOf', { name: owner, kid }), text, fileName: `${kid}.pem` });
            }}
          />
        )}
        <FormDialog
          label={own('addKey')}
          title={own('addKey')}
          fields={[
            {
              name: 'publicKey',
              label: own('publicKey'),
              hint: own('publicKeyHint'),
              type: 'multiline',
              maxLength: 20_000,
            },
          ]}
          onSubmit={async ({ publicKey = '' }) => {
            (await loadKeys()).requirePublic(publicKey);
            await onAdd(publicKey);
          }}
        >
          {warning && <p>{warning}</p>}
        </FormDialog>
      </Actions>
      {privateKey && <Once {...privateKey} onDone={() => setPrivateKey(null)} />}
    </>
  );
}
