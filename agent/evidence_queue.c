/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "agent/evidence_fit.h"
#include "base/json.h"
#include "base/util.h"

/* Lines in one packet: well under PACKET_MAX whatever they hold. */
#define BATCH_BYTES 32768

/* What an event may have of a line: its place in the chain takes less than the rest. */
#define EVENT_MAX (EVIDENCE_LINE_MAX - 256)

/* line: NULL when the event has no place in the chain yet. */
struct entry {
    TAILQ_ENTRY(entry) link;
    json_t *event;
    char *line;
    evidence_hash hash; /* of the line */
    bool sent;
};

struct evidence_queue {
    struct keys *keys;
    char *station;
    struct evidence_head head; /* of the lines that were made */
    struct evidence_head written;
    TAILQ_HEAD(entries, entry) entries;
    unsigned n_entries;
};

struct evidence_queue *evidence_queue_new(struct keys *keys, const char *station)
{
    struct evidence_queue *queue = calloc(1, sizeof *queue);

    if (queue == NULL)
        return NULL;
    queue->keys = keys;
    queue->station = strdup(station);
    TAILQ_INIT(&queue->entries);
    return queue;
}

static void drop_first(struct evidence_queue *queue)
{
    struct entry *entry = TAILQ_FIRST(&queue->entries);

    TAILQ_REMOVE(&queue->entries, entry, link);
    queue->n_entries--;
    json_decref(entry->event);
    free(entry->line);
    free(entry);
}

void evidence_queue_free(struct evidence_queue *queue)
{
    if (queue == NULL)
        return;
    while (!TAILQ_EMPTY(&queue->entries))
        drop_first(queue);
    free(queue->station);
    free(queue);
}

/* RFC 3339 with milliseconds, in UTC and as the clock on the wall says it. */
static void add_times(json_t *object)
{
    struct timespec now;
    struct tm utc, local;
    char text[40], with_more[48], zone[8];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    localtime_r(&now.tv_sec, &local);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(with_more, sizeof with_more, "%s.%03uZ", text,
             (unsigned)(now.tv_nsec / 1000000) % 1000);
    json_object_set_new(object, "at", json_string(with_more));
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(zone, sizeof zone, "%z", &local); /* +hhmm, which RFC 3339 writes +hh:mm */
    snprintf(with_more, sizeof with_more, "%s%.3s:%.2s", text, zone, zone + 3);
    json_object_set_new(object, "local", json_string(with_more));
}

void evidence_queue_add(struct evidence_queue *queue, const char *event, const json_t *members)
{
    struct entry *entry = calloc(1, sizeof *entry);
    json_t *object = json_object();

    if (entry == NULL)
        abort(); /* a hole in the evidence: the supervisor starts the agent again */
    add_times(object);
    json_object_set_new(object, "station", json_string(queue->station));
    json_object_set_new(object, "event", json_string(event));
    if (members != NULL)
        json_object_update(object, (json_t *)(uintptr_t)members);
    entry->event = evidence_fit(object, EVENT_MAX);
    json_decref(object);
    TAILQ_INSERT_TAIL(&queue->entries, entry, link);
    queue->n_entries++;
}

unsigned evidence_queue_size(const struct evidence_queue *queue)
{
    return queue->n_entries;
}

const struct evidence_head *evidence_queue_written(const struct evidence_queue *queue)
{
    return &queue->written;
}

/* The signature over the chain so far. */
static void sign(const struct evidence_queue *queue, json_t *line)
{
    AUTO_JSON json_t *payload =
        json_pack("{s:O, s:O, s:O, s:O}", "seq", json_object_get(line, "seq"), "prev",
                  json_object_get(line, "prev"), "at", json_object_get(line, "at"), "station",
                  json_object_get(line, "station"));
    AUTO_FREE char *jws = keys_sign(queue->keys, EVIDENCE_TYP, payload);

    if (jws != NULL)
        json_object_set_new(line, "jws", json_string(jws));
}

/* Puts the entry at the end of the chain. */
static void make_line(struct evidence_queue *queue, struct entry *entry)
{
    AUTO_JSON json_t *line = json_pack("{s:I}", "seq", (json_int_t)queue->head.seq + 1);

    json_object_update(line, entry->event);
    json_object_set_new(line, "prev", json_string(queue->head.hash));
    if (strcmp(json_get_string(line, "event"), EVIDENCE_CHECKPOINT) == 0)
        sign(queue, line);
    entry->line = json_dumps(line, JSON_COMPACT);
    if (entry->line == NULL || strlen(entry->line) >= EVIDENCE_LINE_MAX ||
        !evidence_hash_line(entry->line, strlen(entry->line), entry->hash))
        abort(); /* as above */
    memcpy(queue->head.hash, entry->hash, sizeof entry->hash);
    queue->head.seq++;
}

json_t *evidence_queue_take(struct evidence_queue *queue)
{
    json_t *lines = json_array();
    struct entry *entry;
    size_t bytes = 0;

    TAILQ_FOREACH (entry, &queue->entries, link) {
        if (entry->sent)
            continue;
        if (entry->line == NULL)
            make_line(queue, entry);
        bytes += strlen(entry->line) * 2; /* quotes are escaped */
        if (bytes > BATCH_BYTES && json_array_size(lines) > 0)
            break;
        json_array_append_new(lines, json_string(entry->line));
        entry->sent = true;
    }
    return lines;
}

void evidence_queue_drop_sent(struct evidence_queue *queue)
{
    struct entry *first;

    while ((first = TAILQ_FIRST(&queue->entries)) != NULL && first->sent) {
        memcpy(queue->written.hash, first->hash, sizeof first->hash);
        queue->written.seq++;
        drop_first(queue);
    }
}

static bool is_head(const struct entry *entry, const struct evidence_head *head)
{
    return entry->line != NULL && strcmp(entry->hash, head->hash) == 0;
}

void evidence_queue_resume(struct evidence_queue *queue, const struct evidence_head *head)
{
    struct entry *entry;
    bool last = false;
    bool there = false;

    TAILQ_FOREACH (entry, &queue->entries, link)
        there = there || is_head(entry, head);
    for (; there && !last; drop_first(queue))
        last = is_head(TAILQ_FIRST(&queue->entries), head);
    queue->head = *head;
    queue->written = *head;
    TAILQ_FOREACH (entry, &queue->entries, link) {
        free(TAKE_PTR(entry->line));
        entry->sent = false;
    }
}
