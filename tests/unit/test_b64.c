/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/b64.h"
#include "base/util.h"

/* RFC 4648 section 10, without padding, and the two letters of its section 5. */
static const struct {
    const char *data;
    const char *text;
} pairs[] = {
    {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
};

static void test_known_texts(void **state)
{
    uint8_t data[16];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        size_t len = strlen(pairs[i].data);
        AUTO_FREE char *text = b64_encode(pairs[i].data, len);

        assert_string_equal(text, pairs[i].text);
        assert_int_equal(b64_encoded_len(len), strlen(pairs[i].text));
        assert_int_equal(b64_decode(text, strlen(text), data, sizeof data), len);
        assert_memory_equal(data, pairs[i].data, len);
    }
}

static void test_every_length_comes_back(void **state)
{
    uint8_t data[256], again[256];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 167 + 13);
    for (size_t len = 0; len <= sizeof data; len++) {
        AUTO_FREE char *text = b64_encode(data, len);

        assert_int_equal(strlen(text), b64_encoded_len(len));
        assert_int_equal(b64_decode(text, strlen(text), again, len), len);
        assert_memory_equal(again, data, len);
        if (len > 0)
            assert_int_equal(b64_decode(text, strlen(text), again, len - 1), -1);
    }
}

static void test_other_texts_are_refused(void **state)
{
    static const char *const texts[] = {"Z",    "Zm9vY",  "Zg==", "Zm9=", "Zh",     "Zm9",
                                        "Zm 9", "Zm9v\n", "+/+/", "Zm.v", "Zm\xc3v"};
    uint8_t data[16];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(b64_decode(texts[i], strlen(texts[i]), data, sizeof data), -1);
    assert_int_equal(b64_decode("Zm\0v", 4, data, sizeof data), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_texts),
        cmocka_unit_test(test_every_length_comes_back),
        cmocka_unit_test(test_other_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
