// What a client remembers of its authorization, in memory, in the shape that both SDKs want.

import { randomUUID } from 'node:crypto';

import { walk } from './walker.mjs';

/** Nobody listens here: the form walker stops at the redirect. */
export const REDIRECT_URI = 'http://127.0.0.1:41789/oauth/callback';

/** An `OAuthClientProvider` whose user agent is the form walker. */
export class Provider {
  /** @param method how the client authenticates at the token endpoint */
  constructor(name, method) {
    this.name = name;
    this.method = method;
    this.walks = 0;
    this.registrations = 0;
  }

  get redirectUrl() {
    return REDIRECT_URI;
  }

  get clientMetadata() {
    return {
      client_name: this.name,
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: this.method,
    };
  }

  state() {
    this.sentState = randomUUID();
    return this.sentState;
  }

  clientInformation() {
    return this.client;
  }

  saveClientInformation(client) {
    this.registrations += 1;
    this.client = client;
  }

  tokens() {
    return this.held;
  }

  saveTokens(tokens) {
    this.held = tokens;
  }

  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }

  codeVerifier() {
    return this.verifier;
  }

  saveDiscoveryState(state) {
    this.discovered = state;
  }

  discoveryState() {
    return this.discovered;
  }

  /** Both SDKs hand over the URL here, and go on when they are told the code. */
  async redirectToAuthorization(url) {
    this.walks += 1;
    this.authorizationUrl = url;
    this.callback = (await walk(url, REDIRECT_URI)).searchParams;
  }
}
