/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/packet.h"
#include "base/util.h"

struct pair {
    int ours;
    int theirs;
};

static int set_up(void **state)
{
    static struct pair pair;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -1;
    pair = (struct pair){ends[0], ends[1]};
    *state = &pair;
    return 0;
}

static int tear_down(void **state)
{
    const struct pair *pair = *state;

    close(pair->ours);
    if (pair->theirs >= 0)
        close(pair->theirs);
    return 0;
}

static unsigned count_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void objects_cross(void **state)
{
    const struct pair *pair = *state;
    AUTO_JSON json_t *sent = json_pack("{s:i, s:s}", "id", 5, "text", "é");
    AUTO_JSON json_t *received = NULL;
    int fd = 99;

    assert_int_equal(packet_recv(pair->theirs, &received, &fd), -EAGAIN);
    assert_null(received);
    assert_int_equal(fd, 99);
    assert_int_equal(packet_send(pair->ours, sent, -1), 0);
    assert_int_equal(packet_recv(pair->theirs, &received, &fd), 1);
    assert_true(json_equal(sent, received));
    assert_int_equal(fd, -1);
}

static void a_descriptor_crosses(void **state)
{
    const struct pair *pair = *state;
    AUTO_JSON json_t *sent = json_object();
    AUTO_JSON json_t *received = NULL;
    AUTO_CLOSE int passed = -1;
    char text[8] = "";
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(packet_send(pair->ours, sent, ends[1]), 0);
    close(ends[1]);
    assert_int_equal(packet_recv(pair->theirs, &received, &passed), 1);
    assert_true(passed >= 0);
    assert_int_equal(fcntl(passed, F_GETFD), FD_CLOEXEC);
    assert_int_equal(write(passed, "hello", 5), 5);
    assert_int_equal(read(ends[0], text, sizeof text), 5);
    close(ends[0]);
}

/* Raw bytes with n copies of a descriptor beside them. */
static void send_raw(int to, const void *data, size_t len, unsigned n)
{
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[8] = {0};

    if (n > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
    }
    assert_int_equal(sendmsg(to, &msg, 0), len);
}

static void descriptors_too_many_are_closed(void **state)
{
    const struct pair *pair = *state;
    unsigned before = count_descriptors();

    for (unsigned n = 2; n <= 8; n++) {
        json_t *received = NULL;
        int fd = -1;
        int r;

        send_raw(pair->ours, "{}", 2, n);
        r = packet_recv(pair->theirs, &received, &fd);
        if (n <= 4) {
            assert_int_equal(r, 1);
            json_decref(received);
            close(fd);
        } else { /* more than there is room for: the kernel cut the list */
            assert_int_equal(r, -EPROTO);
        }
        assert_int_equal(count_descriptors(), before);
    }
}

static void descriptors_of_broken_packets_are_closed(void **state)
{
    const struct pair *pair = *state;
    unsigned before = count_descriptors();
    json_t *received = NULL;
    int fd = -1;

    send_raw(pair->ours, "{", 1, 1);
    assert_int_equal(packet_recv(pair->theirs, &received, &fd), -EPROTO);
    assert_null(received);
    assert_int_equal(fd, -1);
    assert_int_equal(count_descriptors(), before);
}

static void broken_packets(void **state)
{
    static const char *const texts[] = {
        "{", "[]", "1", "\"x\"", "{}{}", "{\"a\":1,\"a\":2}", "null", "\x01", "{\"a\":\"\xff\"}"};
    const struct pair *pair = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *received = NULL;
        int fd = -1;

        send_raw(pair->ours, texts[i], strlen(texts[i]), 0);
        assert_int_equal(packet_recv(pair->theirs, &received, &fd), -EPROTO);
        assert_null(received);
    }
}

/* {"x": "yyy…"} of that many bytes once written. */
static json_t *object_of(size_t size)
{
    size_t len = size - strlen("{\"x\":\"\"}");
    char *text = malloc(len + 1);
    json_t *object;

    assert_non_null(text);
    memset(text, 'y', len);
    text[len] = '\0';
    object = json_pack("{s:s}", "x", text);
    free(text);
    return object;
}

static void sizes(void **state)
{
    const struct pair *pair = *state;
    AUTO_JSON json_t *largest = object_of(PACKET_MAX);
    AUTO_JSON json_t *larger = object_of(PACKET_MAX + 1);
    AUTO_JSON json_t *received = NULL;
    static char raw[PACKET_MAX + 1];
    int fd = -1;

    assert_int_equal(packet_send(pair->ours, larger, -1), -EMSGSIZE);
    assert_int_equal(packet_send(pair->ours, largest, -1), 0);
    assert_int_equal(packet_recv(pair->theirs, &received, &fd), 1);
    assert_true(json_equal(received, largest));
    memset(raw, ' ', sizeof raw);
    memcpy(raw, "{}", 2);
    send_raw(pair->ours, raw, sizeof raw, 0);
    json_decref(TAKE_PTR(received));
    assert_int_equal(packet_recv(pair->theirs, &received, &fd), -EPROTO);
}

static void a_peer_that_does_not_read(void **state)
{
    const struct pair *pair = *state;
    AUTO_JSON json_t *object = object_of(1000);
    int r = 0;

    for (int i = 0; i < 100000 && r == 0; i++)
        r = packet_send(pair->ours, object, -1);
    assert_int_equal(r, -EAGAIN);
}

static void a_peer_that_is_gone(void **state)
{
    struct pair *pair = *state;
    AUTO_JSON json_t *object = json_object();
    json_t *received = NULL;
    int fd = -1;

    close(TAKE_FD(pair->theirs));
    assert_int_equal(packet_recv(pair->ours, &received, &fd), 0);
    assert_int_equal(packet_send(pair->ours, object, -1), -EPIPE);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(objects_cross),
        WITH_PAIR(a_descriptor_crosses),
        WITH_PAIR(descriptors_too_many_are_closed),
        WITH_PAIR(descriptors_of_broken_packets_are_closed),
        WITH_PAIR(broken_packets),
        WITH_PAIR(sizes),
        WITH_PAIR(a_peer_that_does_not_read),
        WITH_PAIR(a_peer_that_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
