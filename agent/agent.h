/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as a whole: what its parts need of each other. One of these a process. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <systemd/sd-event.h>

#include "agent/token_counts.h"
#include "base/config.h"

struct agent_options {
    const char *config_dir;
    const char *state_dir;
    const char *socket_path;
    const char *libexec_dir;
};

struct agent {
    sd_event *event;
    struct agent_options options;
    struct config *config;
    struct children *children;
    struct server *server;
    struct cards *cards;
    struct card_memory *card_memory;
    struct desktop *desktop;
    struct logind *logind;
    struct pins *pins;
    struct oidc *oidc;
    struct trust *trust;
    struct blocks *blocks;
    struct trust_watch *trust_watch;
    struct revocation *revocation;
    struct state_store *store; /* of the small files in the state directory */
    struct keys *keys;
    struct sessions *sessions;
    struct session *session; /* the one at the desk, whatever its state (agent/sessions.h) */
    struct token_counts token_counts;
    struct logins *logins;
    struct people *people;
    struct practice_memory *practice_memory;
    struct evidence *evidence;
    struct policy *policy;
    struct policy_refresh *policy_refresh;
    struct consents *consents;
    struct rate_limit *statement_rate;
    struct push_limit *pushes;
    struct contents *contents;
};

/* Longest wait for an answer of a child, by what it does. A child that lets it pass is killed. */
#define CARD_TIMEOUT_MS          15000
#define OIDC_LOGIN_TIMEOUT_MS    620000
#define OIDC_REFRESH_TIMEOUT_MS  30000
#define OIDC_EXCHANGE_TIMEOUT_MS 60000
#define OIDC_LOGOUT_TIMEOUT_MS   60000
#define CRL_FETCH_TIMEOUT_MS     60000
#define REVOCATION_TIMEOUT_MS    20000

#endif
