/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/state_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include "agent/backoff.h"
#include "agent/child.h"
#include "agent/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"
#include "base/whole.h"

#define WRITE_TIMEOUT_MS 20000

/* How long the end of the agent waits for what is left to be on disk. */
#define FINISH_MS 3000

struct state_wait {
    TAILQ_ENTRY(state_wait) entry;
    const struct file *file;
    struct state_store *store;
    uint64_t version; /* of the file, at least */
    state_done *done;
    void *user;
};

TAILQ_HEAD(waits, state_wait);

struct file {
    char name[STATE_NAME_MAX + 1];
    char *data; /* what it is to hold, until there is a memfd of it … */
    size_t len;
    int content; /* … which is this, or -1; neither: it is on disk */
    uint64_t version;
    bool tried; /* in vain, and not put since */
};

struct state_store {
    struct agent *agent;
    struct file files[STATE_FILES_MAX];
    unsigned n;
    uint64_t version; /* counts what was put */
    struct child *child;
    bool lost; /* the child was killed, and the disk has not let go of it yet */
    struct call *writing;
    struct file *sent; /* the file being written, and which version of it */
    uint64_t sent_version;
    sd_event_source *soon;
    struct backoff backoff;
    struct waits waits;
    struct fail fail; /* why files cannot be written, when failing_since_s is set */
    int64_t failing_since_s;
};

static void step(struct state_store *store);

struct state_store *state_store_new(struct agent *agent)
{
    struct state_store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return NULL;
    store->agent = agent;
    TAILQ_INIT(&store->waits);
    return store;
}

static void set_failing(struct state_store *store, const char *name, const struct fail *fail)
{
    char text[512];

    store->fail = *fail;
    if (store->failing_since_s != 0)
        return;
    store->failing_since_s = clock_real_s();
    fail_describe(fail, text, sizeof text);
    log_error("%s cannot be written, what it is to hold is only remembered until the agent ends: "
              "%s",
              name, text);
    server_publish(store->agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s, s:s}", "component", "storage", "state", "failing", "error",
                             cps_error_name(fail->code)));
}

static bool is_waiting(const struct file *file)
{
    return file->data != NULL || file->content >= 0;
}

static unsigned count_waiting(const struct state_store *store)
{
    unsigned n = 0;

    for (unsigned i = 0; i < store->n; i++)
        n += is_waiting(&store->files[i]);
    return n;
}

/* When every file is on disk, and not before: one that is too large for a disk is not forgotten. */
static void set_working(struct state_store *store)
{
    if (store->failing_since_s == 0 || count_waiting(store) > 0)
        return;
    store->failing_since_s = 0;
    log_info("the files of the state directory are written again");
    server_publish(store->agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s}", "component", "storage", "state", "running"));
}

static struct state_wait *find_wait(const struct state_store *store, const struct file *file,
                                    uint64_t version)
{
    struct state_wait *wait;

    TAILQ_FOREACH (wait, &store->waits, entry)
        if (wait->file == file && wait->version <= version)
            return wait;
    return NULL;
}

/* Those who wait for what was written, or not; they may do anything. */
static void tell(struct state_store *store, const struct file *file, uint64_t version,
                 const struct fail *fail)
{
    struct state_wait *wait;

    while ((wait = find_wait(store, file, version)) != NULL) {
        state_done *done = wait->done;
        void *user = wait->user;

        state_wait_forget(wait);
        done(user, fail);
    }
}

static void drop_data(struct file *file)
{
    if (file->data != NULL)
        explicit_bzero(file->data, file->len);
    free(TAKE_PTR(file->data));
}

static void drop_content(struct file *file)
{
    drop_data(file);
    if (file->content >= 0)
        close(TAKE_FD(file->content));
}

static void on_tried(struct state_store *store, struct file *file, uint64_t version,
                     const struct fail *fail)
{
    if (fail == NULL && file->version == version)
        drop_content(file);
    file->tried = fail != NULL && file->version == version;
    if (fail == NULL) {
        backoff_worked(&store->backoff);
        set_working(store);
    } else {
        set_failing(store, file->name, fail);
    }
    tell(store, file, version, fail);
}

/* A child that could not write is ended; one that was killed is waited for: there is one only. */
static void on_written(void *user, json_t *result, const struct fail *fail)
{
    struct state_store *store = user;

    (void)result;
    store->writing = NULL;
    if (fail != NULL && fail->code == CPS_STORAGE) {
        child_free(TAKE_PTR(store->child));
    } else if (fail != NULL) {
        store->lost = true;
        child_kill(store->child, "a file was not written");
    }
    on_tried(store, store->sent, store->sent_version, fail);
    step(store);
}

static void on_exit_of_writer(void *user)
{
    struct state_store *store = user;

    store->lost = false;
    child_free(TAKE_PTR(store->child));
    step(store);
}

static const struct child_class writer_class = {
    .program = PROTO_STATE,
    .in_flight = 1,
    .on_exit = on_exit_of_writer,
};

static json_t *write_params(const struct state_store *store, const struct file *file)
{
    return json_pack("{s:s, s:s}", "directory", store->agent->options.state_dir, "name",
                     file->name);
}

/* The writer, and the content in a form that can be handed to it. */
static cps_error make_ready(struct state_store *store, struct file *file, struct fail *fail)
{
    if (file->data != NULL) {
        AUTO_CLOSE int fd = memfd_create("state", MFD_CLOEXEC);
        int r = fd < 0 ? -errno : whole_write(fd, file->data, file->len);

        if (r < 0)
            return fail_set(fail, CPS_STORAGE, "%s", strerror(-r));
        drop_data(file);
        file->content = TAKE_FD(fd);
    }
    if (store->child == NULL)
        store->child = child_start(store->agent, &writer_class, store, fail);
    return store->child != NULL ? CPS_OK : fail->code;
}

static void write_file(struct state_store *store, struct file *file)
{
    struct fail fail;

    if (make_ready(store, file, &fail) != CPS_OK) {
        on_tried(store, file, file->version, &fail);
        return;
    }
    store->sent = file;
    store->sent_version = file->version;
    store->writing = child_call(store->child, "write", write_params(store, file), file->content,
                                WRITE_TIMEOUT_MS, on_written, NULL, store);
}

/* The next one in turn, so that one that changes all the time keeps none of the others waiting. */
static struct file *next_file(struct state_store *store)
{
    unsigned first = store->sent != NULL ? (unsigned)(store->sent - store->files) + 1 : 0;

    for (unsigned i = 0; i < store->n; i++) {
        struct file *file = &store->files[(first + i) % store->n];

        if (is_waiting(file) && !file->tried)
            return file;
    }
    return NULL;
}

static void retry(void *user)
{
    struct state_store *store = user;

    for (unsigned i = 0; i < store->n; i++)
        store->files[i].tried = false;
    step(store);
}

/* One file is under way at a time. */
static void step(struct state_store *store)
{
    struct file *file;

    while (store->writing == NULL && !store->lost && (file = next_file(store)) != NULL)
        write_file(store, file);
    if (store->writing != NULL || store->lost)
        return;
    child_free(TAKE_PTR(store->child));
    backoff_done(&store->backoff);
    if (count_waiting(store) > 0)
        backoff_failed(&store->backoff, store->agent->event, retry, store);
}

static int on_soon(sd_event_source *source, void *user)
{
    struct state_store *store = user;

    (void)source;
    store->soon = sd_event_source_disable_unref(store->soon);
    step(store);
    return 0;
}

static struct file *file_of(struct state_store *store, const char *name)
{
    struct file *file;

    for (unsigned i = 0; i < store->n; i++)
        if (strcmp(store->files[i].name, name) == 0)
            return &store->files[i];
    if (store->n == STATE_FILES_MAX || strlen(name) > STATE_NAME_MAX)
        abort(); /* names are ours, and few */
    file = &store->files[store->n++];
    *file = (struct file){.content = -1};
    snprintf(file->name, sizeof file->name, "%s", name);
    return file;
}

/* What is put in one turn of the loop is written once. */
static struct file *renew(struct state_store *store, const char *name)
{
    struct file *file = file_of(store, name);

    drop_content(file);
    file->version = ++store->version;
    file->tried = false;
    if (store->soon == NULL &&
        sd_event_add_defer(store->agent->event, &store->soon, on_soon, store) < 0)
        abort(); /* it would be lost without a word; the supervisor starts the agent again */
    return file;
}

void state_store_put(struct state_store *store, const char *name, const void *data, size_t len)
{
    struct file *file = renew(store, name);

    file->data = malloc(len + 1);
    if (file->data == NULL)
        abort(); /* as above */
    memcpy(file->data, data, len);
    file->len = len;
}

void state_store_put_fd(struct state_store *store, const char *name, int fd)
{
    struct file *file = renew(store, name);

    file->content = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (file->content < 0)
        log_warning("%s: not kept: %s", name, strerror(errno));
}

struct state_wait *state_store_wait(struct state_store *store, const char *name, state_done *done,
                                    void *user)
{
    struct state_wait *wait = malloc(sizeof *wait);
    const struct file *file = file_of(store, name);

    if (wait == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *wait = (struct state_wait){
        .file = file, .store = store, .version = file->version, .done = done, .user = user};
    TAILQ_INSERT_TAIL(&store->waits, wait, entry);
    return wait;
}

void state_wait_forget(struct state_wait *wait)
{
    if (wait == NULL)
        return;
    TAILQ_REMOVE(&wait->store->waits, wait, entry);
    free(wait);
}

json_t *state_store_json(const struct state_store *store)
{
    bool failing = store->failing_since_s != 0;
    json_t *json = json_pack("{s:s, s:i}", "state", failing ? "failing" : "running", "waiting",
                             (int)count_waiting(store));

    if (failing) {
        json_object_set_new(json, "since_at", json_integer(store->failing_since_s));
        json_object_set_new(json, "error", json_string(cps_error_name(store->fail.code)));
    }
    return json;
}

/* All that is left, one after the other: nobody is there any more to wait for answers. */
static void post_rest(struct state_store *store)
{
    bool under_way = store->writing != NULL;

    call_forget(store->writing);
    for (unsigned i = 0; i < store->n; i++) {
        struct file *file = &store->files[i];
        bool sent = under_way && store->sent == file && store->sent_version == file->version;
        struct fail fail;

        if (is_waiting(file) && !sent && make_ready(store, file, &fail) == CPS_OK)
            child_post(store->child, "write", write_params(store, file), file->content);
    }
}

void state_store_free(struct state_store *store)
{
    if (store == NULL)
        return;
    if (!store->lost)
        post_rest(store);
    if (store->lost || (store->child == NULL && count_waiting(store) > 0) ||
        !child_finish(TAKE_PTR(store->child), FINISH_MS))
        for (unsigned i = 0; i < store->n; i++)
            if (is_waiting(&store->files[i]))
                log_warning("%s: perhaps not written", store->files[i].name);
    child_free(store->child);
    for (unsigned i = 0; i < store->n; i++)
        drop_content(&store->files[i]);
    while (!TAILQ_EMPTY(&store->waits))
        state_wait_forget(TAILQ_FIRST(&store->waits));
    sd_event_source_disable_unref(store->soon);
    backoff_done(&store->backoff);
    free(store);
}
