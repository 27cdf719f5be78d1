import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { load } from 'js-yaml';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { readSettings, Settings } from '../src/config/settings.js';
import { TestApp, TEST_SECRET } from './support/app.js';

const FOLDER = 'deploy/kubernetes';
const KINDS = { Deployment, NetworkPolicy, PodDisruptionBudget, Namespace, Service };

interface Kustomization {
  resources: string[];
  images: { name: string }[];
  configMapGenerator: { name: string; literals: string[] }[];
}

function manifest(file: string): object {
  return load(readFileSync(`${FOLDER}/${file}`, 'utf8')) as object;
}

const kustomization = manifest('kustomization.yaml') as Kustomization;
const deployment = new Deployment(manifest('deployment.yaml'));
const pod = deployment.spec!.template.spec!;
const [container] = pod.containers;
const settings = Object.fromEntries(
  kustomization.configMapGenerator.flatMap(({ literals }) => literals.map((line) => line.split(/=(.*)/).slice(0, 2))),
) as Record<string, string>;

describe('deploy/kubernetes', () => {
  it('lists each of its manifests', () => {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml');
    expect(files.toSorted()).toEqual(kustomization.resources.toSorted());
  });

  it.each(kustomization.resources)('%s follows the schema of Kubernetes', (file) => {
    const resource = manifest(file) as { kind: keyof typeof KINDS };
    const Kind = KINDS[resource.kind] as new (data: object) => { validate(): void };
    expect(() => new Kind(resource).validate()).not.toThrow();
  });

  it('asks for a pod that a restricted namespace accepts', () => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(readFileSync('deploy/containers/Containerfile', 'utf8')).toMatch(/^USER 1000:1000$/m);
    expect(container!.volumeMounts!.map(({ mountPath }) => mountPath)).toEqual(['/data']);
  });

  it('sets only what the service reads, and the service accepts it', () => {
    const given = {
      NODE_ENV: 'production',
      ...settings,
      ...Object.fromEntries(container!.env!.map(({ name, value }) => [name, value])),
      SECRET_KEY: TEST_SECRET,
      DATABASE_URL: 'postgres://latchkey:password@db.internal:5432/latchkey',
    };
    expect(readSettings(given)).toMatchObject({ ...given, SHUTDOWN_GRACE: 10 });
    const source = readFileSync('src/config/settings.ts', 'utf8');
    expect(Object.keys(given).filter((name) => !new RegExp(`^ {2}${name}[?:]`, 'm').test(source))).toEqual([]);
  });

  it('takes what is secret from a Secret', () => {
    const secret = container!.env!.filter(({ valueFrom }) => valueFrom?.secretKeyRef).map(({ name }) => name);
    expect(secret).toEqual(['SECRET_KEY', 'DATABASE_URL']);
    expect(readFileSync(`${FOLDER}/README.md`, 'utf8')).toContain('create secret generic latchkey');
  });

  it('gives a pod the time that its end takes', () => {
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(new Settings().SHUTDOWN_GRACE + 1);
  });

  it('selects by labels that the pods have', () => {
    const { labels } = deployment.spec!.template.metadata!;
    const selectors = [
      deployment.spec!.selector.matchLabels,
      ...pod.topologySpreadConstraints!.map(({ labelSelector }) => labelSelector!.matchLabels),
      new Service(manifest('service.yaml')).spec!.selector,
      new PodDisruptionBudget(manifest('disruption-budget.yaml')).spec!.selector!.matchLabels,
      new NetworkPolicy(manifest('network-policy.yaml')).spec!.podSelector!.matchLabels,
    ];
    expect(selectors).toEqual(selectors.map(() => labels));
    expect(kustomization.images.map(({ name }) => name)).toEqual([container!.image]);
  });
});

describe('the probes of deploy/kubernetes', () => {
  let t: TestApp;

  beforeAll(async () => {
    t = await TestApp.start();
  });
  afterAll(() => t.stop());

  it.each(['startupProbe', 'readinessProbe', 'livenessProbe'] as const)(
    '%s asks what the service answers',
    async (probe) => {
      expect((await t.call(container![probe]!.httpGet!.path!)).status).toBe(200);
    },
  );
});
