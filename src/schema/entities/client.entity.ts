import { Check, Column, Entity, Index, JoinColumn, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm';
import type { ColumnOptions, Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';
import { ClientOrigin } from './client-origin.entity.js';
import { ClientRedirectUri } from './client-redirect-uri.entity.js';

/**
 * Software whose deviations from the standards a client may keep (docs/api.md, section 12.5). Drillster's hosts leave
 * out parts that the standards require. A client without a compatibility must follow the standards strictly.
 */
export const COMPATIBILITIES = ['drillster'] as const;
export type Compatibility = (typeof COMPATIBILITIES)[number];

/** How a client with secrets sends one to the token endpoint (OpenID Connect Core 1.0, section 9). */
export const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'] as const;
export type SecretMethod = (typeof SECRET_METHODS)[number];

/** The algorithms that can sign ID tokens. Every relying party can verify RS256. */
export const ID_TOKEN_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const;
export type IdTokenAlgorithm = (typeof ID_TOKEN_ALGORITHMS)[number];

/** The longest address of an application, in characters, beside its redirect URIs. */
export const MAX_APPLICATION_URI = 2000;

const APPLICATION_URI = { type: 'varchar', length: MAX_APPLICATION_URI, nullable: true } as const;

/** A list in JSON; `null` in the database if it is empty. */
const LIST: ColumnOptions = {
  type: 'text',
  nullable: true,
  transformer: {
    to: (list?: string[]) => list && (list.length > 0 ? JSON.stringify(list) : null),
    from: (json: string | null) => (json === null ? [] : (JSON.parse(json) as string[])),
  },
};

/** An application that calls the API (RFC 6749, section 1.1), or signs users in by OpenID Connect, or both. */
@Entity('clients')
@Index('clients_organization_key', ['organizationId', 'id'], { unique: true })
@Check('clients_compatibility_check', `"compatibility" IN ('drillster')`)
@Check(
  'clients_token_endpoint_auth_method_check',
  `"token_endpoint_auth_method" IN ('client_secret_basic', 'client_secret_post')`,
)
@Check('clients_id_token_signed_response_alg_check', `"id_token_signed_response_alg" IN ('RS256', 'ES256', 'EdDSA')`)
export class Client {
  /** 32 lower-case hexadecimal characters. */
  @PrimaryColumn({ type: 'varchar', length: 32, primaryKeyConstraintName: 'clients_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'clients_organization_fkey' })
  organization: Relation<Organization>;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** Whether the client can't keep a secret, such as an application in a browser (RFC 6749, section 2.1). */
  @Column({ name: 'is_public', type: 'boolean', default: false })
  isPublic: boolean;

  /** The public keys for `private_key_jwt` as a JWK Set; `null` for a client with secrets. */
  @Column({ type: 'text', nullable: true })
  jwks: string | null;

  @Column({ type: 'varchar', length: 16, nullable: true })
  compatibility: Compatibility | null;

  /**
   * Where the application begins a login that somebody else started (OpenID Connect Core 1.0, section 4). Its origin is
   * one of the client's, as that of `startUri`.
   */
  @Column({ name: 'initiate_login_uri', ...APPLICATION_URI })
  initiateLoginUri: string | null;

  /** The address behind the application's own "sign in" button, for one without an `initiateLoginUri`. */
  @Column({ name: 'start_uri', ...APPLICATION_URI })
  startUri: string | null;

  /** The page of the host on which people without a password start their logins. */
  @Column({ name: 'host_uri', ...APPLICATION_URI })
  hostUri: string | null;

  /** Where the application may send the browser after a logout (OpenID Connect RP-Initiated Logout 1.0, section 3.1). */
  @Column({ name: 'post_logout_redirect_uris', ...LIST })
  postLogoutRedirectUris: string[];

  /** Where the application receives logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.2). */
  @Column({ name: 'backchannel_logout_uri', ...APPLICATION_URI })
  backchannelLogoutUri: string | null;

  /** Whether logout tokens name the session in `sid`. */
  @Column({ name: 'backchannel_logout_session_required', type: 'boolean', default: true })
  backchannelLogoutSessionRequired: boolean;

  /** The only way in which the client may send its secret; `null` if it may use both. */
  @Column({ name: 'token_endpoint_auth_method', type: 'varchar', length: 32, nullable: true })
  tokenEndpointAuthMethod: SecretMethod | null;

  @Column({ name: 'id_token_signed_response_alg', type: 'varchar', length: 8, default: 'RS256' })
  idTokenSignedResponseAlg: IdTokenAlgorithm;

  @OneToMany(() => ClientOrigin, (origin) => origin.client)
  origins: Relation<ClientOrigin[]>;

  @OneToMany(() => ClientRedirectUri, (redirectUri) => redirectUri.client)
  redirectUris: Relation<ClientRedirectUri[]>;
}
