/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/conn.h"
#include "agent/request.h"
#include "base/clock.h"
#include "base/util.h"

#define SHORT_MS  20
#define LONG_MS   60000
#define LOOKED_MS 200

static void on_cancel(struct request *request, void *user)
{
    (void)request;
    ++*(unsigned *)user;
}

/* One that waited for a login with the time of its method, then for the answer of a person. */
static void who_waits_for_another_thing_has_its_time(void **state)
{
    struct agent agent = {0};
    struct conn conn = {.agent = &agent, .fd = -1};
    unsigned cancelled = 0;
    struct request *request;
    int ends[2];

    (void)state;
    assert_int_equal(sd_event_new(&agent.event), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    conn.fd = ends[0];
    request = request_new(&conn, "1", json_object());
    request->deadline_ms = clock_boot_ms() + SHORT_MS;
    request_wait(request, on_cancel, &cancelled);
    request->deadline_ms = clock_boot_ms() + LONG_MS;
    request_wait(request, on_cancel, &cancelled);
    assert_int_equal(sd_event_run(agent.event, LOOKED_MS * 1000), 0);
    assert_int_equal(cancelled, 0);

    request->deadline_ms = clock_boot_ms() + SHORT_MS;
    request_wait(request, on_cancel, &cancelled);
    assert_int_equal(sd_event_run(agent.event, UINT64_MAX), 1);
    assert_int_equal(cancelled, 1);
    assert_int_equal(conn.n_requests, 0);
    close(ends[0]);
    close(ends[1]);
    sd_event_unref(agent.event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_for_another_thing_has_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
