/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/tls_sessions.h"

#include <stdlib.h>

#include "base/clock.h"

struct tls_sessions {
    CURLSH *share; /* NULL until it is needed */
    unsigned users;
    int64_t since_ms;
    bool forgotten;
};

struct tls_sessions *tls_sessions_new(void)
{
    return calloc(1, sizeof(struct tls_sessions));
}

void tls_sessions_free(struct tls_sessions *sessions)
{
    if (sessions == NULL)
        return;
    curl_share_cleanup(sessions->share);
    free(sessions);
}

static bool begin(struct tls_sessions *sessions)
{
    curl_share_cleanup(sessions->share);
    sessions->share = curl_share_init();
    sessions->since_ms = clock_boot_ms();
    sessions->forgotten = false;
    return sessions->share != NULL && curl_share_setopt(sessions->share, CURLSHOPT_SHARE,
                                                        CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK;
}

bool tls_sessions_join(struct tls_sessions *sessions, CURL *easy)
{
    bool stale = sessions->share == NULL || sessions->forgotten ||
                 clock_boot_ms() - sessions->since_ms >= TLS_SESSIONS_AGE_MS;

    /* libcurl frees a share that nobody uses, and no other. */
    if (stale && (sessions->users > 0 || !begin(sessions)))
        return false;
    if (curl_easy_setopt(easy, CURLOPT_SHARE, sessions->share) != CURLE_OK)
        return false;
    sessions->users++;
    return true;
}

void tls_sessions_leave(struct tls_sessions *sessions, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
    sessions->users--;
}

void tls_sessions_forget(struct tls_sessions *sessions)
{
    sessions->forgotten = true;
}
