/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small OpenID provider on loopback: one connection after the other, TLS 1.3, by default with a
 * full handshake each time, no state on disk. CIBA is answered "yes" at the first poll; refresh
 * tokens rotate, and one that comes back is refused and counted.
 */
#ifndef TESTS_IDP_H
#define TESTS_IDP_H

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest request, headers and body. */
#define IDP_REQUEST_MAX 32768

/* An access token is as long as one of a real provider. */
#define IDP_ACCESS_LEN 900

/* Lifetimes in seconds: those of Pro Santé Connect. */
#define IDP_ACCESS_S  120
#define IDP_REFRESH_S 1800

#define IDP_SUBJECT_MAX  32
#define IDP_SESSIONS_MAX 256

/* One login: what its next refresh token must say. */
struct idp_session {
    char subject[IDP_SUBJECT_MAX];
    int64_t auth_time;
    int64_t used_at;
    unsigned turn;
};

struct idp {
    char issuer[64];
    const char *client_id;
    EVP_PKEY *key; /* signs ID tokens */
    SSL_CTX *tls;
    struct idp_session sessions[IDP_SESSIONS_MAX];
    unsigned n_sessions; /* that there ever were: the oldest is replaced */
    unsigned connections, resumed, logins, refreshes, refused;
};

struct idp_request {
    char method[8];
    char path[256];
    char bearer[IDP_ACCESS_LEN + 64]; /* of Authorization, or "" */
    char *body;
};

/* Answers one request: the status, and JSON that the caller frees. */
int idp_answer(struct idp *idp, const struct idp_request *request, json_t **ret_body);

/* Value of a member of a form, decoded; false when it is not there or does not fit. */
bool idp_form(const char *form, const char *name, char *out, size_t size);

/* Seconds since 1970. */
int64_t idp_now(void);

/* A token answer for a session, with its next refresh token. */
json_t *idp_tokens(const struct idp *idp, const struct idp_session *session);

/* The public key as a JWK Set. */
json_t *idp_jwks(const struct idp *idp);

/*
 * A login by CIBA starts a session; a refresh token finds it, once. NULL: refused. "rt.0.any" finds
 * the first one each time: a floor sends always the same.
 */
struct idp_session *idp_session_start(struct idp *idp, const char *subject);
struct idp_session *idp_session_next(struct idp *idp, const char *refresh_token);

/* A socket that listens on that port of 127.0.0.1, or the end of the program. */
int idp_listen(unsigned port);

/* Says "ready", then serves until killed. */
void idp_serve(struct idp *idp, unsigned port) __attribute__((noreturn));

#endif
