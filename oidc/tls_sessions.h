/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS sessions that connections to the providers leave behind, so that the next one to the same
 * host resumes: no certificate is sent or verified again, which is half of a handshake's work. A
 * certificate verified once is believed for TLS_SESSIONS_AGE_MS. libcurl keeps sessions apart by
 * host, port and trust anchors; what else decides whose a connection is must not come here.
 */
#ifndef OIDC_TLS_SESSIONS_H
#define OIDC_TLS_SESSIONS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#define TLS_SESSIONS_AGE_MS (60 * 60 * 1000)

struct tls_sessions;

struct tls_sessions *tls_sessions_new(void);

/* No transfer may have joined and not left. */
void tls_sessions_free(struct tls_sessions *sessions);

/* Before the transfer starts. False: it makes a full handshake and leaves no session. */
bool tls_sessions_join(struct tls_sessions *sessions, CURL *easy);

/* For each that joined, before its easy handle is cleaned up. */
void tls_sessions_leave(struct tls_sessions *sessions, CURL *easy);

/* TLS failed: no session known so far is used again, lest a bad one keeps a provider away. */
void tls_sessions_forget(struct tls_sessions *sessions);

#endif
