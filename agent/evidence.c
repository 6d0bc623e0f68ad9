/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backoff.h"
#include "agent/child.h"
#include "agent/evidence_known.h"
#include "agent/evidence_queue.h"
#include "agent/server.h"
#include "agent/settings.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"

/* Events kept while they cannot be written; what comes on top is counted, not kept. */
#define QUEUE_MAX 10000

/* A signature after so many lines, or so long after the first line without one. */
#define CHECKPOINT_LINES 100
#define CHECKPOINT_MS    300000

#define FILE_BYTES       (8 * 1024 * 1024)
#define KEEP_DAYS        365
#define WRITE_TIMEOUT_MS 10000
#define SECONDS_A_DAY    86400
#define PURGE_TIMEOUT_MS 30000

/* How long the end of the agent waits for the last lines to be on disk. */
#define FINISH_MS 1000

struct evidence {
    struct agent *agent;
    bool enabled;
    bool strict; /* no log, no login */
    char directory[PATH_MAX];
    struct child *child;
    struct backoff backoff;
    bool open;
    bool held; /* nothing is sent any more until the end */
    struct call *writing;
    struct evidence_queue *queue;
    unsigned lost;
    unsigned not_copied;        /* lines that the machine's own log did not take */
    struct evidence_head known; /* how far the log went, once */
    bool remember;              /* once what is under way is written */
    unsigned unsigned_lines;
    sd_event_source *checkpoint;
    struct fail fail; /* why it cannot be written, when failing_since_s is set */
    int64_t failing_since_s;
};

static void pump(struct evidence *evidence);

static void set_failing(struct evidence *evidence, const struct fail *fail)
{
    char text[256];

    evidence->fail = *fail;
    if (evidence->failing_since_s != 0)
        return;
    evidence->failing_since_s = clock_real_s();
    fail_describe(fail, text, sizeof text);
    log_error("the evidence log cannot be written: %s", text);
    server_publish(evidence->agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s, s:s}", "component", "evidence", "state", "failing",
                             "error", cps_error_name(fail->code)));
}

/* It writes again: events that were not kept are owned up to, in their place. */
static void set_working(struct evidence *evidence)
{
    if (evidence->lost > 0) {
        AUTO_JSON json_t *count = json_pack("{s:i}", "count", (int)evidence->lost);

        evidence->lost = 0;
        evidence_queue_add(evidence->queue, "lost", count);
    }
    if (evidence->failing_since_s == 0)
        return;
    evidence->failing_since_s = 0;
    log_info("the evidence log is written again");
    server_publish(evidence->agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s}", "component", "evidence", "state", "running"));
}

static void restart(void *user)
{
    evidence_start(user);
}

static void give_up(struct evidence *evidence, const struct fail *fail)
{
    set_failing(evidence, fail);
    call_forget(TAKE_PTR(evidence->writing));
    child_free(TAKE_PTR(evidence->child));
    evidence->open = false;
    backoff_failed(&evidence->backoff, evidence->agent->event, restart, evidence);
}

static void on_exit_of_writer(void *user)
{
    struct evidence *evidence = user;
    struct fail fail;

    evidence->writing = NULL;
    if (evidence->failing_since_s != 0)
        fail = evidence->fail;
    else
        fail_set(&fail, CPS_COMPONENT_FAILED, "%s ended", PROTO_EVIDENCE);
    give_up(evidence, &fail);
}

static const struct child_class evidence_class = {
    .program = PROTO_EVIDENCE,
    .in_flight = 1,
    .on_exit = on_exit_of_writer,
};

/* At each signature: what is known of the log is never far behind it. */
static void remember(struct evidence *evidence)
{
    evidence->remember = false;
    evidence->known = *evidence_queue_written(evidence->queue);
    if (evidence->known.seq > 0)
        evidence_known_save(evidence->agent->store, evidence->directory, &evidence->known);
}

static void count_copies(struct evidence *evidence, int64_t not_copied)
{
    if (not_copied > 0 && evidence->not_copied == 0)
        log_warning("lines of the evidence log are not taken by the log of this machine");
    evidence->not_copied += (unsigned)not_copied;
}

/* Old files go after the line that says so is on its way. */
static void purge(struct evidence *evidence, int64_t first_kept)
{
    evidence_add(evidence, "purge", json_pack("{s:I}", "first_kept", (json_int_t)first_kept));
    child_call(evidence->child, "purge", json_pack("{s:I}", "first_kept", (json_int_t)first_kept),
               -1, PURGE_TIMEOUT_MS, NULL, NULL, NULL);
}

static void on_written(void *user, json_t *result, const struct fail *fail)
{
    struct evidence *evidence = user;
    int64_t first_kept = json_get_int(result, "first_kept", 0);

    evidence->writing = NULL;
    if (fail != NULL) {
        give_up(evidence, fail);
        return;
    }
    backoff_worked(&evidence->backoff);
    evidence_queue_drop_sent(evidence->queue);
    count_copies(evidence, json_get_int(result, "not_copied", 0));
    if (evidence->remember)
        remember(evidence);
    set_working(evidence);
    if (first_kept > 1)
        purge(evidence, first_kept);
    pump(evidence);
}

/* One packet is under way at a time. */
static void pump(struct evidence *evidence)
{
    if (!evidence->open || evidence->held || evidence->writing != NULL ||
        evidence_queue_size(evidence->queue) == 0)
        return;
    evidence->writing =
        child_call(evidence->child, "append",
                   json_pack("{s:o}", "lines", evidence_queue_take(evidence->queue)), -1,
                   WRITE_TIMEOUT_MS, on_written, NULL, evidence);
}

/* What was there and is not any more is told in the log itself. */
static void check_known(struct evidence *evidence, const struct evidence_head *found)
{
    if (!evidence_known_lost(&evidence->known, found))
        return;
    log_error("the evidence log ends at line %lld: line %lld was written", (long long)found->seq,
              (long long)evidence->known.seq);
    evidence_add(evidence, EVIDENCE_ROLLBACK,
                 json_pack("{s:I, s:I}", "found", (json_int_t)found->seq, "known",
                           (json_int_t)evidence->known.seq));
}

static void on_open(void *user, json_t *result, const struct fail *fail)
{
    struct evidence *evidence = user;
    const char *hash = json_get_string(result, "hash");
    const char *damage = json_get_string(result, "damage");
    struct evidence_head head = {.seq = json_get_int(result, "seq", -1)};
    struct fail wrong;

    evidence->writing = NULL;
    if (fail == NULL && (hash == NULL || strlen(hash) != EVIDENCE_HASH_LEN || head.seq < 0)) {
        fail_set(&wrong, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_EVIDENCE);
        fail = &wrong;
    }
    if (fail != NULL) {
        give_up(evidence, fail);
        return;
    }
    memcpy(head.hash, hash, sizeof head.hash);
    check_known(evidence, &head);
    evidence_queue_resume(evidence->queue, &head);
    evidence->open = true;
    if (damage != NULL)
        evidence_add(evidence, "damage", json_pack("{s:s}", "found", damage));
    pump(evidence);
}

void evidence_start(struct evidence *evidence)
{
    const struct config *config = evidence->agent->config;
    int64_t days = config_int(config, "evidence", "keep_days", KEEP_DAYS);
    struct fail fail;

    if (!evidence->enabled)
        return;
    evidence->child = child_start(evidence->agent, &evidence_class, evidence, &fail);
    if (evidence->child == NULL) {
        give_up(evidence, &fail);
        return;
    }
    evidence->writing =
        child_call(evidence->child, "open",
                   json_pack("{s:s, s:i, s:I, s:s}", "directory", evidence->directory, "file_bytes",
                             FILE_BYTES, "keep_s", (json_int_t)(days * SECONDS_A_DAY), "export",
                             config_string(config, "evidence", "export", "none")),
                   -1, WRITE_TIMEOUT_MS, on_open, NULL, evidence);
}

void evidence_checkpoint(struct evidence *evidence)
{
    evidence->checkpoint = sd_event_source_disable_unref(evidence->checkpoint);
    if (!evidence->enabled || evidence->unsigned_lines == 0)
        return;
    evidence->unsigned_lines = 0;
    evidence_queue_add(evidence->queue, EVIDENCE_CHECKPOINT, NULL);
    evidence->remember = true;
    pump(evidence);
}

static int on_checkpoint(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    evidence_checkpoint(user);
    return 0;
}

static void count_line(struct evidence *evidence)
{
    if (++evidence->unsigned_lines >= CHECKPOINT_LINES)
        evidence_checkpoint(evidence);
    else if (evidence->checkpoint == NULL)
        (void)sd_event_add_time_relative(evidence->agent->event, &evidence->checkpoint,
                                         CLOCK_BOOTTIME, (uint64_t)CHECKPOINT_MS * 1000, 1000000,
                                         on_checkpoint, evidence);
}

void evidence_add(struct evidence *evidence, const char *event, json_t *members)
{
    AUTO_JSON json_t *given = members;

    if (evidence == NULL || !evidence->enabled)
        return;
    if (evidence_queue_size(evidence->queue) >= QUEUE_MAX) {
        evidence->lost++;
        return;
    }
    evidence_queue_add(evidence->queue, event, given);
    pump(evidence);
    count_line(evidence);
}

cps_error evidence_permits(const struct evidence *evidence, struct fail *fail)
{
    if (!evidence->strict || evidence->failing_since_s == 0)
        return CPS_OK;
    *fail = evidence->fail;
    return fail_set(fail, CPS_STORAGE, "the evidence log cannot be written, and must be");
}

json_t *evidence_json(const struct evidence *evidence)
{
    bool failing = evidence->failing_since_s != 0;
    json_t *json;

    if (!evidence->enabled)
        return json_pack("{s:s}", "state", "off");
    json = json_pack("{s:s, s:I, s:i, s:s, s:s}", "state", failing ? "failing" : "running",
                     "written", (json_int_t)evidence_queue_written(evidence->queue)->seq, "waiting",
                     (int)evidence_queue_size(evidence->queue), "on_failure",
                     evidence->strict ? "refuse" : "continue", "directory", evidence->directory);
    if (failing) {
        json_object_set_new(json, "since_at", json_integer(evidence->failing_since_s));
        json_object_set_new(json, "error", json_string(cps_error_name(evidence->fail.code)));
    }
    if (evidence->lost > 0)
        json_object_set_new(json, "lost", json_integer(evidence->lost));
    if (evidence->not_copied > 0)
        json_object_set_new(json, "not_copied", json_integer(evidence->not_copied));
    return json;
}

static cps_error read_settings(struct evidence *evidence, struct fail *fail)
{
    const struct config *config = evidence->agent->config;
    const char *directory = config_string(config, "evidence", "directory", NULL);
    const char *on_failure = config_string(config, "evidence", "on_failure", "continue");
    int len = directory != NULL ? snprintf(evidence->directory, PATH_MAX, "%s", directory)
                                : snprintf(evidence->directory, PATH_MAX, "%s/evidence",
                                           evidence->agent->options.state_dir);

    evidence->enabled = config_bool(config, "evidence", "enabled", true);
    evidence->strict = strcmp(on_failure, "refuse") == 0;
    if (len >= PATH_MAX)
        return fail_set(fail, CPS_CONFIGURATION, "[evidence] directory: path too long");
    return CPS_OK;
}

struct evidence *evidence_new(struct agent *agent, struct fail *fail)
{
    AUTO_FREE struct evidence *evidence = calloc(1, sizeof *evidence);
    char host[HOST_NAME_MAX + 1];

    if (evidence == NULL) {
        fail_set(fail, CPS_INTERNAL, "out of memory");
        return NULL;
    }
    evidence->agent = agent;
    if (read_settings(evidence, fail) != CPS_OK)
        return NULL;
    evidence->queue = evidence_queue_new(agent->keys, settings_station(agent->config, host));
    if (evidence->queue == NULL) {
        fail_set(fail, CPS_INTERNAL, "out of memory");
        return NULL;
    }
    (void)evidence_known_load(agent->options.state_dir, evidence->directory, &evidence->known);
    return TAKE_PTR(evidence);
}

void evidence_hold(struct evidence *evidence)
{
    if (evidence != NULL)
        evidence->held = true;
}

/* All that is left, one packet after the other: nobody is there any more to wait for answers. */
static void post_rest(struct evidence *evidence)
{
    json_t *lines;

    if (!evidence->open)
        return;
    if (evidence->unsigned_lines > 0)
        evidence_queue_add(evidence->queue, EVIDENCE_CHECKPOINT, NULL);
    while (json_array_size(lines = evidence_queue_take(evidence->queue)) > 0)
        child_post(evidence->child, "append", json_pack("{s:o}", "lines", lines), -1);
    json_decref(lines);
}

void evidence_free(struct evidence *evidence)
{
    if (evidence == NULL)
        return;
    call_forget(evidence->writing);
    if (evidence->open)
        remember(evidence);
    post_rest(evidence);
    (void)child_finish(evidence->child, FINISH_MS);
    backoff_done(&evidence->backoff);
    sd_event_source_disable_unref(evidence->checkpoint);
    evidence_queue_free(evidence->queue);
    free(evidence);
}
