/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cps-state: writes the small files of the agent's state directory, and reads one that the user may
 * have changed. A home may be on a disk that is slow or on a server that is gone: this process
 * waits for it so that the agent need not. It lives for as long as there is something to do.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/state_file.h"
#include "base/confine.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"
#include "base/whole.h"
#include "base/worker.h"

/* A plain name, or one in a directory of its own, which is made when it is not there. */
static cps_error path_of(const char *directory, const char *name, char path[static PATH_MAX],
                         struct fail *fail)
{
    const char *slash = strchr(name, '/');

    if (name[0] == '\0' || name[0] == '/' || name[0] == '.' || strstr(name, "/.") != NULL ||
        (slash != NULL && (slash[1] == '\0' || strchr(slash + 1, '/') != NULL)))
        return fail_set(fail, CPS_INVALID_PARAMS, "name");
    if (slash != NULL) {
        if (snprintf(path, PATH_MAX, "%s/%.*s", directory, (int)(slash - name), name) >= PATH_MAX)
            return fail_set(fail, CPS_STORAGE, "%s: path too long", directory);
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(errno));
    }
    if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        return fail_set(fail, CPS_STORAGE, "%s: path too long", directory);
    return CPS_OK;
}

static cps_error op_write(const struct worker_request *request, struct fail *fail)
{
    const char *directory = json_get_string(request->params, "directory");
    const char *name = json_get_string(request->params, "name");
    AUTO_FREE char *data = NULL;
    char path[PATH_MAX];
    size_t len = 0;
    int r;

    if (directory == NULL || directory[0] != '/' || name == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "directory, name");
    r = whole_read(request->fd, STATE_CONTENT_MAX, &data, &len);
    if (r < 0)
        return fail_set(fail, CPS_INVALID_PARAMS, "content: %s", strerror(-r));
    if (path_of(directory, name, path, fail) == CPS_OK)
        (void)state_file_replace(path, data, len, fail);
    explicit_bzero(data, len); /* one of the files is a private key */
    return fail->code;
}

/* What keeps a file from being read that would be there another time. */
static bool is_trouble(int error)
{
    return error == EIO || error == ESTALE || error == ETIMEDOUT || error == ENOMEM ||
           error == EMFILE || error == ENFILE;
}

/* Copies a file into what the agent passed along. */
static cps_error op_read(const struct worker_request *request, bool *ret_found, struct fail *fail)
{
    const char *path = json_get_string(request->params, "path");
    int64_t max = json_get_int(request->params, "max", 0);
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    int r;

    if (path == NULL || max < 1)
        return fail_set(fail, CPS_INVALID_PARAMS, "path, max");
    r = whole_load(path, (size_t)max, &data, &len);
    *ret_found = r != -ENOENT;
    if (r == -ENOENT)
        return CPS_OK;
    if (r < 0)
        return fail_set(fail, is_trouble(-r) ? CPS_STORAGE : CPS_CONFIGURATION, "%s: %s", path,
                        strerror(-r));
    r = whole_write(request->fd, data, len);
    return r < 0 ? fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(-r)) : CPS_OK;
}

static cps_error serve(const struct worker_request *request, json_t *result, struct fail *fail)
{
    bool found = false;

    if (strcmp(request->op, "write") == 0)
        return op_write(request, fail);
    if (strcmp(request->op, "read") != 0)
        return fail_set(fail, CPS_METHOD_NOT_FOUND, "%s", request->op);
    if (op_read(request, &found, fail) == CPS_OK)
        json_object_set_new(result, "found", json_boolean(found));
    return fail->code;
}

int main(int argc, char **argv)
{
    bool confined = false;

    (void)argv;
    if (argc != 1) {
        fprintf(stderr, "usage: " PROTO_STATE "   (started by cps-agent)\n");
        return EXIT_FAILURE;
    }
    worker_ends_with_agent();
    worker_init(PROTO_STATE, CONFINE_WRITE);
    for (;;) {
        AUTO_REQUEST struct worker_request request = WORKER_REQUEST_INIT;
        AUTO_JSON json_t *result = json_object();
        struct fail fail = FAIL_INIT;

        (void)worker_next(&request);
        if (!confined)
            confined = confine_writes(json_get_string(request.params, "directory"));
        if (serve(&request, result, &fail) == CPS_OK)
            worker_reply(request.id, TAKE_PTR(result));
        else
            worker_fail(request.id, &fail);
    }
}
