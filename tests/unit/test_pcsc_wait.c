/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pkcs11/pcsc_wait.h"

/* Long enough that only an event ends it in time. */
#define LONG_MS 20000

struct world {
    char dir[64];
    char sub[80];
    char path[96];
    struct pcsc_wait *wait;
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    snprintf(world->dir, sizeof world->dir, "/tmp/pcsc-wait-XXXXXX");
    if (mkdtemp(world->dir) == NULL)
        return -1;
    snprintf(world->sub, sizeof world->sub, "%s/pcscd", world->dir);
    snprintf(world->path, sizeof world->path, "%s/socket", world->sub);
    world->wait = pcsc_wait_new(world->path);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    pcsc_wait_free(world->wait);
    unlink(world->path);
    rmdir(world->sub);
    rmdir(world->dir);
    free(world);
    return 0;
}

static void create(const char *path)
{
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void the_socket_appears(void **state)
{
    struct world *world = *state;

    mkdir(world->sub, 0700);
    pcsc_wait_arm(world->wait);
    create(world->path);
    assert_int_equal(pcsc_wait_run(world->wait, LONG_MS, -1), PCSC_WAIT_CHANGED);
    pcsc_wait_arm(world->wait);
    assert_int_equal(pcsc_wait_run(world->wait, 10, -1), PCSC_WAIT_TIMEOUT);
    chmod(world->path, 0644); /* pcscd does, once it listens */
    assert_int_equal(pcsc_wait_run(world->wait, LONG_MS, -1), PCSC_WAIT_CHANGED);
}

static void the_directory_appears(void **state)
{
    struct world *world = *state;

    pcsc_wait_arm(world->wait);
    mkdir(world->sub, 0700);
    assert_int_equal(pcsc_wait_run(world->wait, LONG_MS, -1), PCSC_WAIT_CHANGED);
    pcsc_wait_arm(world->wait);
    create(world->path);
    assert_int_equal(pcsc_wait_run(world->wait, LONG_MS, -1), PCSC_WAIT_CHANGED);
}

static void neighbours_are_no_news(void **state)
{
    struct world *world = *state;
    char other[96];

    snprintf(other, sizeof other, "%s/other", world->sub);
    mkdir(world->sub, 0700);
    pcsc_wait_arm(world->wait);
    create(other);
    assert_int_equal(pcsc_wait_run(world->wait, 50, -1), PCSC_WAIT_TIMEOUT);
    unlink(other);
}

static void the_agent_goes(void **state)
{
    struct world *world = *state;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    pcsc_wait_arm(world->wait);
    close(fds[1]);
    assert_int_equal(pcsc_wait_run(world->wait, LONG_MS, fds[0]), PCSC_WAIT_ABANDONED);
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_socket_appears, setup, teardown),
        cmocka_unit_test_setup_teardown(the_directory_appears, setup, teardown),
        cmocka_unit_test_setup_teardown(neighbours_are_no_news, setup, teardown),
        cmocka_unit_test_setup_teardown(the_agent_goes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
