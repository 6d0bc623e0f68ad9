/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_refresh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/policy.h"
#include "agent/server.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"
#include "base/whole.h"

#define READ_TIMEOUT_MS 10000

struct policy_refresh {
    struct agent *agent;
    struct child *child; /* until it is gone: one that the disk holds is the only one */
    bool again;
    int content; /* a memfd that the child copies the file to, or -1 */
};

struct policy_refresh *policy_refresh_new(struct agent *agent)
{
    struct policy_refresh *refresh = calloc(1, sizeof *refresh);

    if (refresh == NULL)
        return NULL;
    refresh->agent = agent;
    refresh->content = -1;
    return refresh;
}

void policy_refresh_free(struct policy_refresh *refresh)
{
    if (refresh == NULL)
        return;
    child_free(refresh->child);
    if (refresh->content >= 0)
        close(refresh->content);
    free(refresh);
}

static void publish(const struct policy_refresh *refresh)
{
    log_info("rules for programs read again");
    server_publish(refresh->agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s}", "component", "policy", "state", "reloaded"));
}

static void miss(const struct policy_refresh *refresh, const struct fail *fail)
{
    policy_miss_user(refresh->agent->policy, fail);
    publish(refresh);
}

/* What the child copied. */
static void take(const struct policy_refresh *refresh, bool found)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    int r = found ? whole_read(refresh->content, POLICY_USER_MAX, &text, &len) : 0;
    struct fail fail;

    if (r < 0) {
        fail_set(&fail, CPS_STORAGE, "%s: %s", policy_user_path(refresh->agent->policy),
                 strerror(-r));
        miss(refresh, &fail);
        return;
    }
    policy_take_user(refresh->agent->policy, text, len);
    publish(refresh);
}

static void begin(struct policy_refresh *refresh);

/* A child that answered is ended; one that did not is waited for, and killed. */
static void on_read(void *user, json_t *result, const struct fail *fail)
{
    struct policy_refresh *refresh = user;
    const json_t *found = json_object_get(result, "found");
    struct fail odd;

    if (fail == NULL || fail->code == CPS_STORAGE || fail->code == CPS_CONFIGURATION)
        child_free(TAKE_PTR(refresh->child));
    else
        child_kill(refresh->child, "a file was not read");
    if (refresh->again && refresh->child == NULL) {
        begin(refresh);
    } else if (fail != NULL) {
        miss(refresh, fail);
    } else if (!json_is_boolean(found)) {
        fail_set(&odd, CPS_COMPONENT_FAILED, "%s: an answer without sense", PROTO_STATE);
        miss(refresh, &odd);
    } else {
        take(refresh, json_is_true(found));
    }
}

static void on_exit_of_reader(void *user)
{
    struct policy_refresh *refresh = user;

    child_free(TAKE_PTR(refresh->child));
    if (refresh->again)
        begin(refresh);
}

static const struct child_class reader_class = {
    .program = PROTO_STATE,
    .in_flight = 1,
    .on_exit = on_exit_of_reader,
};

static cps_error start_child(struct policy_refresh *refresh, struct fail *fail)
{
    if (refresh->content >= 0)
        close(refresh->content);
    refresh->content = memfd_create("policy", MFD_CLOEXEC);
    if (refresh->content < 0)
        return fail_set(fail, CPS_STORAGE, "%s", strerror(errno));
    refresh->child = child_start(refresh->agent, &reader_class, refresh, fail);
    return refresh->child != NULL ? CPS_OK : fail->code;
}

static void begin(struct policy_refresh *refresh)
{
    const char *path = policy_user_path(refresh->agent->policy);
    struct fail fail;

    refresh->again = false;
    if (start_child(refresh, &fail) != CPS_OK) {
        miss(refresh, &fail);
        return;
    }
    child_call(refresh->child, "read",
               json_pack("{s:s, s:i}", "path", path, "max", POLICY_USER_MAX), refresh->content,
               READ_TIMEOUT_MS, on_read, NULL, refresh);
}

void policy_refresh_start(struct policy_refresh *refresh)
{
    policy_reload(refresh->agent->policy);
    if (policy_user_path(refresh->agent->policy) == NULL)
        publish(refresh);
    else if (refresh->child == NULL)
        begin(refresh);
    else
        refresh->again = true;
}
