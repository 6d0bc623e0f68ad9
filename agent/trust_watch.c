/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "agent/blocks.h"
#include "agent/cards.h"
#include "agent/revocation.h"
#include "agent/server.h"
#include "agent/sessions.h"
#include "agent/trust.h"
#include "agent/trust/blocklist.h"
#include "agent/trust/store.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF |       \
     IN_MOVE_SELF | IN_ONLYDIR)

/* Several files change in one go: they are read once. */
#define SETTLE_US 20000

enum { WATCH_CONFIG, WATCH_STORE, WATCH_TEST, WATCHES };

struct trust_watch {
    struct agent *agent;
    char paths[WATCHES][PATH_MAX];
    sd_event_source *sources[WATCHES];
    sd_event_source *pending;
    bool store_changed;
    bool list_changed;
};

/* A session lives on what is known: only a newer list says more, for better or worse. */
static cps_error check_revocation(const struct agent *agent, struct session *session,
                                  X509 *certificate, struct fail *fail)
{
    struct revocation_verdict verdict;
    int64_t known_s;

    revocation_known(agent->revocation, certificate, &verdict);
    known_s = json_get_int(session_owner_proof(session)->revocation, "as_of", 0);
    if (verdict.status == REVOCATION_GOOD && verdict.as_of_s > known_s)
        session_set_revocation(session, revocation_proof(&verdict));
    return verdict.status == REVOCATION_REVOKED
               ? revocation_judge(agent->revocation, &verdict, fail)
               : CPS_OK;
}

static cps_error refused(const struct agent *agent, struct session *session,
                         enum session_input *ret_why, struct fail *fail)
{
    const struct login_proof *proof = session_owner_proof(session);
    struct card *card =
        proof->reader != NULL ? cards_pick(agent->cards, proof->reader, fail) : NULL;
    bool known = card != NULL && card_certificate(card) != NULL;

    *ret_why = SESSION_BLOCKED;
    if (blocks_check_person(agent->blocks, proof->holder, fail) != CPS_OK ||
        (known && blocks_check_card(agent->blocks, card, fail) != CPS_OK))
        return fail->code;
    *ret_why = SESSION_UNTRUSTED;
    if (known && trust_check(agent->trust, card_certificate(card), fail) != CPS_OK)
        return fail->code;
    *ret_why = SESSION_REVOKED;
    return known ? check_revocation(agent, session, card_certificate(card), fail) : CPS_OK;
}

static void review(struct session *session, void *user)
{
    enum session_input why;
    struct fail fail;
    char text[512];

    if (refused(user, session, &why, &fail) == CPS_OK)
        return;
    fail_describe(&fail, text, sizeof text);
    log_warning("the session is closed: %s", text);
    session_input(session, why);
}

void trust_review(struct agent *agent)
{
    sessions_visit(agent->sessions, review, agent);
}

json_t *trust_json(const struct agent *agent)
{
    bool test = config_bool(agent->config, "trust", "test", false);
    const struct fail *fail = trust_fail(agent->trust);
    json_t *json = json_pack("{s:i, s:b, s:o, s:o}", "anchors", (int)trust_anchors(agent->trust),
                             "test", test, "blocked", blocks_json(agent->blocks), "revocation",
                             revocation_json(agent->revocation));
    char text[512];

    if (fail != NULL) {
        fail_describe(fail, text, sizeof text);
        json_object_set_new(json, "error", json_string(text));
    }
    return json;
}

static void report(const struct agent *agent, const char *what, const struct fail *fail)
{
    char text[512];

    if (fail->code == CPS_OK) {
        log_info("%s: read again", what);
    } else {
        fail_describe(fail, text, sizeof text);
        log_error("%s: the one in use stays: %s", what, text);
    }
    server_publish(agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s, s:s*}", "component", what, "state",
                             fail->code == CPS_OK ? "up" : "refused", "error",
                             fail->code == CPS_OK ? NULL : cps_error_name(fail->code)));
}

static void look(struct trust_watch *watch);

static int on_pending(sd_event_source *source, uint64_t usec, void *user)
{
    struct trust_watch *watch = user;
    bool store = watch->store_changed, list = watch->list_changed;
    struct fail fail = FAIL_INIT;

    (void)source;
    (void)usec;
    watch->store_changed = watch->list_changed = false;
    watch->pending = sd_event_source_disable_unref(watch->pending);
    look(watch); /* directories come and go; a change after this line is seen as another one */
    if (store) {
        trust_reload(watch->agent->trust, &fail);
        report(watch->agent, "authorities", &fail);
    }
    fail = (struct fail)FAIL_INIT;
    if (list) {
        blocks_reload(watch->agent->blocks, &fail);
        report(watch->agent, "blocklist", &fail);
    }
    trust_review(watch->agent);
    return 0;
}

static void reload_soon(struct trust_watch *watch)
{
    if (watch->pending == NULL)
        (void)sd_event_add_time_relative(watch->agent->event, &watch->pending, CLOCK_BOOTTIME,
                                         SETTLE_US, 1000, on_pending, watch);
}

/* Hidden names are files that are being written. */
static int on_change(sd_event_source *source, const struct inotify_event *event, void *user)
{
    struct trust_watch *watch = user;
    const char *name = event->len > 0 ? event->name : "";
    bool in_config = source == watch->sources[WATCH_CONFIG];

    if (name[0] == '.')
        return 0;
    watch->list_changed |= in_config && (strcmp(name, BLOCKLIST_FILE) == 0 || name[0] == '\0');
    watch->store_changed |= !in_config || (event->mask & IN_ISDIR) != 0 || name[0] == '\0';
    if (watch->list_changed || watch->store_changed)
        reload_soon(watch);
    return 0;
}

void trust_watch_reload(struct trust_watch *watch)
{
    watch->list_changed = watch->store_changed = true;
    reload_soon(watch);
}

static void look(struct trust_watch *watch)
{
    for (int i = 0; i < WATCHES; i++) {
        int r;

        watch->sources[i] = sd_event_source_disable_unref(watch->sources[i]);
        r = sd_event_add_inotify(watch->agent->event, &watch->sources[i], watch->paths[i], CHANGES,
                                 on_change, watch);
        if (r < 0 && r != -ENOENT)
            log_warning("%s: not watched: %s", watch->paths[i], strerror(-r));
    }
}

struct trust_watch *trust_watch_new(struct agent *agent, const char *trust_dir)
{
    struct trust_watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL)
        return NULL;
    watch->agent = agent;
    snprintf(watch->paths[WATCH_CONFIG], PATH_MAX, "%s", agent->options.config_dir);
    snprintf(watch->paths[WATCH_STORE], PATH_MAX, "%s", trust_dir);
    snprintf(watch->paths[WATCH_TEST], PATH_MAX, "%s/" STORE_TEST, trust_dir);
    look(watch);
    return watch;
}

void trust_watch_free(struct trust_watch *watch)
{
    if (watch == NULL)
        return;
    for (int i = 0; i < WATCHES; i++)
        sd_event_source_disable_unref(watch->sources[i]);
    sd_event_source_disable_unref(watch->pending);
    free(watch);
}
