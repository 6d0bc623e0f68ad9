/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/crl_list.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/certificate_json.h"
#include "agent/child.h"
#include "agent/crl_cache.h"
#include "agent/oidc.h"
#include "agent/state_store.h"
#include "agent/trust/crl.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"

/* A card that is put in again does not make us ask again at once. */
#define ASKED_LATELY_MS 30000

#define RETRY_FIRST_S 60
#define RETRY_MAX_S   3600
#define REFRESH_MIN_S 60

/* The cache may be on a disk that does not answer: a list can be fetched again. */
#define CACHE_TIMEOUT_MS 5000

enum phase { LIST_IDLE, LIST_LOADING, LIST_FETCHING, LIST_CHECKING };

struct crl_list {
    struct agent *agent;
    const struct crl_list_policy *policy;
    char *url;
    X509 *issuer;
    char file[CRL_CACHE_NAME_SIZE]; /* of the state directory */
    enum phase phase;
    struct child *helper;
    struct call *fetch;
    int source;              /* memfd of a list that was fetched */
    int records;             /* memfd of its table, until it is open */
    struct crl_info pending; /* what the helper says of it */
    struct crl_table *table; /* NULL: there is no list */
    struct crl_info info;
    int64_t fetched_s; /* real time */
    int64_t asked_ms;  /* boot time */
    struct fail fail;  /* of the last attempt */
    unsigned failures; /* in a row */
    sd_event_source *timer;
};

static void fetch(struct crl_list *list);

int64_t crl_list_delay_s(int64_t now_s, int64_t fetched_s, int64_t this_update_s,
                         int64_t next_update_s, int64_t refresh_s, unsigned failures,
                         unsigned random)
{
    int64_t delay = RETRY_FIRST_S;
    int64_t early = (next_update_s - this_update_s) / 10;

    if (failures > 0) {
        for (unsigned i = 1; i < failures && delay < RETRY_MAX_S; i++)
            delay *= 2;
        delay = delay < RETRY_MAX_S ? delay : RETRY_MAX_S;
    } else {
        int64_t due = fetched_s + refresh_s;

        if (due > next_update_s - early)
            due = next_update_s - early;
        delay = due > now_s ? due - now_s : 0;
        delay = delay < refresh_s ? delay : refresh_s; /* the clock may have been set back */
    }
    delay -= delay * (int64_t)random / 1280; /* up to a fifth sooner */
    return delay > REFRESH_MIN_S * 3 / 4 ? delay : REFRESH_MIN_S * 3 / 4;
}

static int on_due(sd_event_source *source, uint64_t usec, void *user)
{
    struct crl_list *list = user;

    (void)source;
    (void)usec;
    list->timer = sd_event_source_disable_unref(list->timer);
    crl_list_refresh(list);
    return 0;
}

static void schedule(struct crl_list *list)
{
    uint8_t random = 0;
    int64_t delay_s;

    (void)RAND_bytes(&random, 1);
    delay_s =
        crl_list_delay_s(clock_real_s(), list->fetched_s, list->info.this_update_s,
                         list->info.next_update_s, list->policy->refresh_s, list->failures, random);
    list->timer = sd_event_source_disable_unref(list->timer);
    (void)sd_event_add_time_relative(list->agent->event, &list->timer, CLOCK_BOOTTIME,
                                     (uint64_t)delay_s * 1000000, 1000000, on_due, list);
}

static void drop(int *fd)
{
    if (*fd >= 0)
        close(TAKE_FD(*fd));
}

/* The flight is over; fail NULL: what it brought is in use. */
static void land(struct crl_list *list, const struct fail *fail)
{
    bool from_cache = list->phase == LIST_LOADING;
    char text[512];

    child_free(TAKE_PTR(list->helper));
    drop(&list->source);
    drop(&list->records);
    list->phase = LIST_IDLE;
    if (fail != NULL) {
        fail_describe(fail, text, sizeof text);
        log_warning("%s%s: %s", list->url, from_cache ? " (kept)" : "", text);
        list->fail = *fail;
    }
    if (from_cache) {
        crl_list_want(list);
    } else {
        list->failures = fail != NULL ? list->failures + 1 : 0;
        schedule(list);
    }
    list->policy->changed(list->agent);
}

static void land_broken(struct crl_list *list, const char *why)
{
    struct fail fail;

    fail_set(&fail, CPS_INTERNAL, "%s", why);
    land(list, &fail);
}

/* From now on it is the list. */
static void install(struct crl_list *list, struct crl_table *table)
{
    crl_table_free(list->table);
    list->table = table;
    list->info = list->pending;
    if (list->phase == LIST_CHECKING)
        list->fetched_s = clock_real_s();
    list->fail = (struct fail)FAIL_INIT;
    log_info("%s: revocation list of %zu certificates, %lld s old", list->url, list->info.entries,
             (long long)(clock_real_s() - list->info.this_update_s));
}

static void on_table(void *user, json_t *result, const struct fail *fail)
{
    struct crl_list *list = user;
    struct crl_table *table = fail == NULL ? crl_table_open(list->records) : NULL;

    (void)result;
    if (fail != NULL) {
        land(list, fail);
        return;
    }
    if (table == NULL) {
        land_broken(list, "the table of a revocation list is out of shape");
        return;
    }
    install(list, table);
    if (list->phase == LIST_CHECKING) /* it is verified again when it is read back */
        state_store_put_fd(list->agent->store, list->file, list->source);
    land(list, NULL);
}

static void on_checked(void *user, json_t *result, const struct fail *fail)
{
    struct crl_list *list = user;
    const char *number = json_get_string(result, "number");

    if (fail != NULL) {
        land(list, fail);
        return;
    }
    list->pending = (struct crl_info){.this_update_s = json_get_int(result, "this_update_at", 0),
                                      .next_update_s = json_get_int(result, "next_update_at", 0),
                                      .entries = (size_t)json_get_int(result, "entries", 0)};
    snprintf(list->pending.number, sizeof list->pending.number, "%s", number != NULL ? number : "");
    list->records = crl_table_memfd();
    if (list->records < 0)
        land_broken(list, "no room for a revocation list");
    else
        child_call(list->helper, "table", json_object(), list->records, REVOCATION_TIMEOUT_MS,
                   on_table, NULL, list);
}

static void on_helper_exit(void *user)
{
    land_broken(user, PROTO_REVOCATION " stopped");
}

static const struct child_class helper_class = {
    .program = PROTO_REVOCATION,
    .in_flight = 1,
    .on_exit = on_helper_exit,
};

/* The helper reads what is in list->source, or what it has found in the cache. */
static void check(struct crl_list *list)
{
    AUTO_FREE char *issuer = certificate_json_text(list->issuer);
    json_t *params = json_pack("{s:s*, s:s}", "issuer", issuer, "url", list->url);

    if (list->table != NULL)
        json_object_set_new(params, "known",
                            json_pack("{s:s, s:I}", "number", list->info.number, "this_update_at",
                                      (json_int_t)list->info.this_update_s));
    child_call(list->helper, "crl", params, list->source, REVOCATION_TIMEOUT_MS, on_checked, NULL,
               list);
}

static bool start_helper(struct crl_list *list, enum phase phase)
{
    struct fail fail;

    list->phase = phase;
    list->helper = child_start(list->agent, &helper_class, list, &fail);
    if (list->helper == NULL)
        land(list, &fail);
    return list->helper != NULL;
}

static void on_cached(void *user, json_t *result, const struct fail *fail)
{
    struct crl_list *list = user;

    list->fetched_s = json_get_int(result, "kept_at", 0);
    if (fail != NULL || list->fetched_s == 0)
        land(list, fail);
    else
        check(list);
}

static void load(struct crl_list *list)
{
    AUTO_FREE char *path = NULL;

    if (asprintf(&path, "%s/%s", list->agent->options.state_dir, list->file) >= 0 &&
        start_helper(list, LIST_LOADING))
        child_call(list->helper, "cached", json_pack("{s:s}", "path", path), -1, CACHE_TIMEOUT_MS,
                   on_cached, NULL, list);
}

static void on_fetched(void *user, json_t *result, const struct fail *fail)
{
    struct crl_list *list = user;

    (void)result;
    list->fetch = NULL;
    if (fail != NULL)
        land(list, fail);
    else if (start_helper(list, LIST_CHECKING))
        check(list);
}

static void fetch(struct crl_list *list)
{
    struct fail fail;
    json_t *params;

    list->phase = LIST_FETCHING;
    list->asked_ms = clock_boot_ms();
    list->timer = sd_event_source_disable_unref(list->timer);
    list->source = crl_table_memfd();
    params = json_pack("{s:s, s:s, s:s*}", "url", list->url, "kind", "crl", "proxy",
                       list->policy->proxy);
    list->fetch = oidc_call_fd(list->agent->oidc, "fetch", params, list->source,
                               CRL_FETCH_TIMEOUT_MS, on_fetched, list, &fail);
    if (list->fetch == NULL)
        land(list, &fail);
}

void crl_list_refresh(struct crl_list *list)
{
    if (list->phase == LIST_IDLE)
        fetch(list);
}

void crl_list_want(struct crl_list *list)
{
    bool lately = list->asked_ms != 0 && clock_boot_ms() - list->asked_ms < ASKED_LATELY_MS;

    if (list->phase != LIST_IDLE || lately)
        return;
    if (!crl_list_fresh(list))
        fetch(list);
    else if (list->timer == NULL) /* read from the cache */
        schedule(list);
}

struct crl_list *crl_list_new(struct agent *agent, const struct crl_list_policy *policy,
                              const char *url, X509 *issuer)
{
    struct crl_list *list = calloc(1, sizeof *list);

    if (list == NULL)
        return NULL;
    *list = (struct crl_list){.agent = agent,
                              .policy = policy,
                              .url = strdup(url),
                              .issuer = issuer,
                              .source = -1,
                              .records = -1,
                              .fail = FAIL_INIT};
    X509_up_ref(issuer);
    crl_cache_name(url, issuer, list->file);
    load(list);
    return list;
}

void crl_list_free(struct crl_list *list)
{
    if (list == NULL)
        return;
    sd_event_source_disable_unref(list->timer);
    oidc_cancel(list->agent->oidc, list->fetch);
    child_free(list->helper);
    drop(&list->source);
    drop(&list->records);
    crl_table_free(list->table);
    X509_free(list->issuer);
    free(list->url);
    free(list);
}

bool crl_list_is(const struct crl_list *list, const char *url, const X509 *issuer)
{
    return strcmp(list->url, url) == 0 && X509_cmp(list->issuer, issuer) == 0;
}

bool crl_list_busy(const struct crl_list *list)
{
    return list->phase != LIST_IDLE;
}

bool crl_list_fresh(const struct crl_list *list)
{
    int64_t now_s = clock_real_s();

    return list->table != NULL && now_s <= list->info.next_update_s &&
           (list->policy->max_age_s == 0 ||
            now_s - list->info.this_update_s <= list->policy->max_age_s);
}

int64_t crl_list_issued_s(const struct crl_list *list)
{
    return list->table != NULL ? list->info.this_update_s : 0;
}

const struct crl_record *crl_list_find(const struct crl_list *list, const X509 *certificate)
{
    return list->table != NULL ? crl_table_find(list->table, certificate) : NULL;
}

const struct fail *crl_list_fail(const struct crl_list *list)
{
    return &list->fail;
}

json_t *crl_list_json(const struct crl_list *list)
{
    const char *state = list->table == NULL ? "none" : crl_list_fresh(list) ? "fresh" : "stale";
    json_t *json =
        json_pack("{s:s, s:s, s:b}", "url", list->url, "state", state, "busy", crl_list_busy(list));
    char text[512];

    if (list->table != NULL) {
        json_object_set_new(json, "this_update", json_integer(list->info.this_update_s));
        json_object_set_new(json, "next_update", json_integer(list->info.next_update_s));
        json_object_set_new(json, "age_s", json_integer(clock_real_s() - list->info.this_update_s));
        json_object_set_new(json, "entries", json_integer((json_int_t)list->info.entries));
    }
    if (list->fail.code != CPS_OK) {
        fail_describe(&list->fail, text, sizeof text);
        json_object_set_new(json, "error", json_string(text));
        if (list->fail.reason[0] != '\0')
            json_object_set_new(json, "reason", json_string(list->fail.reason));
    }
    return json;
}
