/* SPDX-License-Identifier: Apache-2.0 */
/* Which URLs a request may go to, whatever a discovery document or a file says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "oidc/discovery.h"
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

static char wallet[] = "wallet.idp.example.test";
static char *allowed[] = {wallet, NULL};

#define PSC .issuer = ISSUER, .allowed_hosts = allowed, .psc = true

static json_t *document(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[s]}", "issuer", ISSUER,
                     "authorization_endpoint", "https://wallet.idp.example.test/auth",
                     "token_endpoint", ISSUER "/token", "userinfo_endpoint", ISSUER "/userinfo",
                     "jwks_uri", ISSUER "/certs", "backchannel_authentication_endpoint",
                     ISSUER "/ciba", "acr_values_supported", "0");
}

static void check_document(const struct profile *profile, const char *member, json_t *value,
                           const char *reason)
{
    AUTO_JSON json_t *json = document();
    struct endpoints endpoints = {0};
    struct fail fail = FAIL_INIT;
    cps_error error;

    if (value != NULL)
        json_object_set_new(json, member, value);
    else
        json_object_del(json, member);
    error = discovery_read(profile, json, &endpoints, &fail);
    assert_string_equal(fail.reason, reason);
    assert_int_equal(error, reason[0] == '\0' ? CPS_OK : CPS_PROVIDER_DISCOVERY);
    assert_int_equal(endpoints.token != NULL, reason[0] == '\0');
    endpoints_done(&endpoints);
}

static void test_discovery(void **state)
{
    const struct profile profile = {PSC, .ciba = true};
    const struct profile *p = &profile;

    (void)state;
    check_document(p, "none", json_null(), "");
    check_document(p, "issuer", json_string(ISSUER "/"), "issuer");
    check_document(p, "issuer", NULL, "issuer");
    check_document(p, "token_endpoint", NULL, "token_endpoint");
    check_document(p, "token_endpoint", json_integer(1), "token_endpoint");
    check_document(p, "token_endpoint", json_string("http://auth.idp.example.test/t"),
                   "token_endpoint");
    check_document(p, "jwks_uri", json_string("https://keys.example.test/"), "jwks_uri");
    check_document(p, "authorization_endpoint", json_string("https://evil.example.test/auth"),
                   "authorization_endpoint");
    check_document(p, "userinfo_endpoint", NULL, "userinfo_endpoint");
    check_document(p, "end_session_endpoint", json_string("https://evil.example.test/"),
                   "end_session_endpoint");
    check_document(p, "revocation_endpoint", json_null(), "revocation_endpoint");
    check_document(p, "backchannel_authentication_endpoint", NULL, "ciba_endpoint");
}

static void test_discovery_without_ciba(void **state)
{
    const struct profile profile = {PSC};

    (void)state;
    check_document(&profile, "backchannel_authentication_endpoint", NULL, "");
}

/* RFC 9126: required by the provider or by us, it has to be there. */
static void test_discovery_par(void **state)
{
    const struct profile profiles[] = {{PSC}, {PSC, .par = PAR_YES}, {PSC, .par = PAR_NO}};
    const struct profile *automatic = &profiles[0];
    const struct profile *always = &profiles[1];
    const struct profile *never = &profiles[2];

    (void)state;
    check_document(automatic, "require_pushed_authorization_requests", json_true(), "par_endpoint");
    check_document(automatic, "require_pushed_authorization_requests", json_false(), "");
    check_document(always, "none", json_null(), "par_endpoint");
    check_document(never, "require_pushed_authorization_requests", json_true(), "");
    check_document(always, "pushed_authorization_request_endpoint",
                   json_string("https://evil.example.test/par"), "par_endpoint");
    check_document(always, "pushed_authorization_request_endpoint", json_string(ISSUER "/par"), "");
}

static void test_discovery_without_userinfo(void **state)
{
    const struct profile profile = {.issuer = ISSUER, .allowed_hosts = allowed};

    (void)state;
    check_document(&profile, "userinfo_endpoint", NULL, "");
    check_document(&profile, "token_endpoint", NULL, "token_endpoint");
}

/* RFC 8705 section 5: for who shows a certificate, and only where the client proves itself. */
static void test_discovery_aliases(void **state)
{
    static const char *const names[] = {"token_endpoint", "revocation_endpoint", "jwks_uri"};
    const struct profile profiles[] = {{PSC}, {PSC, .client_auth = CLIENT_AUTH_TLS}};

    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        AUTO_JSON json_t *json = document();
        struct endpoints found = {0};
        struct fail fail = FAIL_INIT;
        json_t *aliases = json_object();

        json_object_set_new(json, "revocation_endpoint", json_string(ISSUER "/revoke"));
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            json_object_set_new(aliases, names[i], json_string(ISSUER "/alias"));
        json_object_set_new(json, "mtls_endpoint_aliases", aliases);
        assert_int_equal(discovery_read(&profiles[tls], json, &found, &fail), CPS_OK);
        assert_string_equal(found.token, tls ? ISSUER "/alias" : ISSUER "/token");
        assert_string_equal(found.revocation, tls ? ISSUER "/alias" : ISSUER "/revoke");
        assert_string_equal(found.userinfo, ISSUER "/userinfo");
        assert_string_equal(found.jwks, ISSUER "/certs");
        endpoints_done(&found);
        json_object_set_new(aliases, "token_endpoint", json_string("https://evil.example.test/"));
        assert_int_equal(discovery_read(&profiles[tls], json, &found, &fail),
                         tls ? CPS_PROVIDER_DISCOVERY : CPS_OK);
        endpoints_done(&found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_odd_urls),
        cmocka_unit_test(test_urls_of_proxies),
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_discovery_without_ciba),
        cmocka_unit_test(test_discovery_par),
        cmocka_unit_test(test_discovery_without_userinfo),
        cmocka_unit_test(test_discovery_aliases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
