/* SPDX-License-Identifier: Apache-2.0 */
/* Which URLs a request may go to, whatever a document or a file says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "oidc/url.h"

#define ISSUER "https://auth.idp.example.test/realms/one"

static void test_urls(void **state)
{
    char host[] = "wallet.idp.example.test";
    char with_port[] = "other.example.test:8443";
    char *hosts[] = {host, with_port, NULL};

    (void)state;
    assert_true(url_allowed("https://auth.idp.example.test/x?y=z", ISSUER, hosts));
    assert_true(url_allowed("https://wallet.idp.example.test:443/auth", ISSUER, hosts));
    assert_true(url_allowed("https://WALLET.idp.example.test/auth", ISSUER, hosts));
    assert_true(url_allowed("https://other.example.test:8443/", ISSUER, hosts));
    assert_false(url_allowed("https://other.example.test/", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test:444/auth", ISSUER, hosts));
    assert_false(url_allowed("http://wallet.idp.example.test/auth", ISSUER, hosts));
    assert_false(url_allowed("https://evil.example.test/auth", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test.evil.test/", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test@evil.test/", ISSUER, hosts));
    assert_false(url_allowed("https://evil.test\\@wallet.idp.example.test/", ISSUER, hosts));
    assert_false(url_allowed("https://evil.test#@wallet.idp.example.test/", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test/#x", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test/a b", ISSUER, hosts));
    assert_false(url_allowed("//wallet.idp.example.test/", ISSUER, hosts));
    assert_false(url_allowed("", ISSUER, hosts));
}

/* URLs that libcurl could take for others, and one that is allowed with a port like a prefix. */
static void test_odd_urls(void **state)
{
    char host[] = "wallet.idp.example.test";
    char *hosts[] = {host, NULL};
    AUTO_FREE char *longest = NULL;
    AUTO_FREE char *longer = NULL;
    int rest = URL_MAX - (int)strlen("https://wallet.idp.example.test/");

    (void)state;
    assert_false(url_allowed("https://wallet.idp.example.test:4434/auth", ISSUER, hosts));
    assert_false(url_allowed("https://:secret@wallet.idp.example.test/", ISSUER, hosts));
    assert_false(url_allowed("https://user@wallet.idp.example.test/", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test/a\\b", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test/\xc3\xa9", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test/\x7f", ISSUER, hosts));
    assert_false(url_allowed("https://wallet.idp.example.test/\t", ISSUER, hosts));
    assert_true(asprintf(&longest, "https://wallet.idp.example.test/%0*d", rest, 0) > 0);
    assert_true(asprintf(&longer, "https://wallet.idp.example.test/%0*d", rest + 1, 0) > 0);
    assert_true(url_allowed(longest, ISSUER, hosts));
    assert_false(url_allowed(longer, ISSUER, hosts));
}

static void test_urls_of_proxies(void **state)
{
    static const char *const wrong[] = {
        "http://proxy.example.test",       "proxy.example.test:3128",
        "socks5://proxy.example.test:1",   "http://proxy.example.test:3128/path",
        "http://proxy.example.test:3128?", "http://proxy.example.test:3128/?x",
        "http://a:b@proxy.example.test:1", "http://proxy.example.test:3128#x",
    };

    (void)state;
    assert_true(url_proxy_valid("http://proxy.example.test:3128"));
    assert_true(url_proxy_valid("https://proxy.example.test:3128/"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (url_proxy_valid(wrong[i]))
            fail_msg("accepted: %s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_odd_urls),
        cmocka_unit_test(test_urls_of_proxies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
