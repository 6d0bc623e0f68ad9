/* SPDX-License-Identifier: Apache-2.0 */
/* Provider profiles and their mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/util.h"
#include "oidc/profile.h"
#include "oidc/secret_file.h"

#define ISSUER "https://auth.idp.example.test/auth/realms/wallet"
#define BASE   "issuer = " ISSUER "\nallowed_hosts = wallet.idp.example.test\nclient_id = c\n"

static char directory[] = "/tmp/oidc-profile-XXXXXX";
static char path[64];
static char secret[64];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/p.conf", directory);
    snprintf(secret, sizeof secret, "%s/secret", directory);
    return 0;
}

static int drop_directory(void **state)
{
    (void)state;
    unlink(path);
    unlink(secret);
    return rmdir(directory);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(name, mode), 0);
}

/* The profile that these keys make, or NULL. */
static struct profile *load(const char *keys)
{
    struct profile *profile = NULL;
    struct fail fail = FAIL_INIT;
    char text[2048];

    snprintf(text, sizeof text, "[provider]\n%s", keys);
    write_file(path, text, 0644);
    if (profile_load(path, "p", &profile, &fail) != CPS_OK) {
        assert_int_equal(fail.code, CPS_CONFIGURATION);
        assert_non_null(strstr(fail.causes[fail.n_causes - 1], path));
    }
    return profile;
}

static void test_defaults(void **state)
{
    AUTO_PROFILE struct profile *p = load(BASE);

    (void)state;
    assert_non_null(p);
    assert_true(p->psc && p->browser);
    assert_false(p->ciba || p->require_iss || p->acr_absent_accepted);
    assert_string_equal(p->discovery_url, ISSUER "/.well-known/wallet-openid-configuration");
    assert_string_equal(p->scope, "openid scope_all");
    assert_string_equal(p->acr_values, "eidas1");
    assert_string_equal(p->accepted_acr[2], "eidas3");
    assert_null(p->accepted_acr[3]);
    assert_string_equal(p->redirect_host, "127.0.0.1");
    assert_int_equal(p->n_redirect_ports, 0);
    assert_int_equal(p->leeway_s, 30);
    assert_string_equal(p->channel, "MOBILE");
    assert_string_equal(p->proxy, "");
    assert_int_equal(p->client_auth, CLIENT_AUTH_NONE);
}

static void test_local_idp(void **state)
{
    AUTO_PROFILE struct profile *p = load(BASE "kind = local-idp\naccepted_acr = a, b\n"
                                               "redirect_ports = 8123 8124\n");

    (void)state;
    assert_non_null(p);
    assert_string_equal(p->discovery_url, ISSUER "/.well-known/openid-configuration");
    assert_string_equal(p->accepted_acr[1], "b");
    assert_string_equal(p->scope, "openid profile");
    assert_string_equal(p->acr_values, "");
    assert_true(p->acr_absent_accepted);
    assert_false(p->psc);
    assert_null(p->claim_national_id);
    assert_string_equal(p->claim_given_name, "given_name");
    assert_int_equal(p->redirect_ports[1], 8124);
}

/* The published addresses, without a line of configuration for them. */
static void test_psc_kinds(void **state)
{
    AUTO_PROFILE struct profile *bas = load("kind = psc-bas\nclient_id = c\n");
    AUTO_PROFILE struct profile *psc = load("kind = psc\nclient_id = c\n");

    (void)state;
    assert_non_null(bas);
    assert_string_equal(bas->discovery_url,
                        "https://auth.bas.psc.esante.gouv.fr/auth/realms/esante-wallet"
                        "/.well-known/wallet-openid-configuration");
    assert_string_equal(bas->allowed_hosts[0], "wallet.bas.psc.esante.gouv.fr");
    assert_null(bas->allowed_hosts[1]);
    assert_true(bas->psc);
    assert_non_null(psc);
    assert_string_equal(psc->issuer, "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet");
    assert_string_equal(psc->allowed_hosts[0], "wallet.esw.esante.gouv.fr");
    assert_string_equal(psc->claim_national_id, "SubjectNameID");
}

static void test_issuer_with_slash(void **state)
{
    AUTO_PROFILE struct profile *p =
        load("kind = local-idp\nissuer = " ISSUER "/\nclient_id = c\n");

    (void)state;
    assert_non_null(p);
    assert_string_equal(p->issuer, ISSUER "/");
    assert_string_equal(p->discovery_url, ISSUER "/.well-known/openid-configuration");
}

/* A mistake is told with its key, its line and the reason. */
static void test_mistakes_have_a_line(void **state)
{
    AUTO_PROFILE struct profile *p = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    write_file(path, "# a note\n[provider]\n\nkind = psc-bas\nclient_id = c\npar = perhaps\n",
               0600);
    assert_int_equal(profile_load(path, "p", &p, &fail), CPS_CONFIGURATION);
    assert_string_equal(fail.causes[0], "[provider] par: must be auto, yes or no");
    assert_non_null(strstr(fail.causes[1], "p.conf, line 6"));
    write_file(path, "[provider]\nkind = psc-bas\nclient_id = c\nclient_auth = tls_client_auth\n",
               0600);
    assert_int_equal(profile_load(path, "p", &p, &fail), CPS_CONFIGURATION);
    assert_string_equal(fail.causes[0], "[provider] client_key: is missing");
    assert_non_null(strstr(fail.causes[1], "p.conf"));
    assert_null(p);
}

static void check_wrong(const char *keys, const char *why)
{
    struct profile *profile = NULL;
    struct fail fail = FAIL_INIT;
    char text[2048];

    snprintf(text, sizeof text, "[provider]\n%s", keys);
    write_file(path, text, 0644);
    assert_int_equal(profile_load(path, "p", &profile, &fail), CPS_CONFIGURATION);
    assert_null(profile);
    assert_non_null(strstr(fail.causes[fail.n_causes - 1], path));
    if (strstr(fail.causes[0], why) == NULL)
        fail_msg("%s\"%s\" instead of \"%s\"", keys, fail.causes[0], why);
}

/* Each is told for what it is: what is wrong in another way as well would prove nothing. */
static void test_wrong_keys(void **state)
{
    static const struct {
        const char *keys, *why;
    } wrong[] = {
        {"client_id = c\n", "issuer: must be an https"},
        {"issuer = http://auth.idp.example.test\nclient_id = c\n", "issuer: must be an https"},
        {"issuer = https://user@auth.idp.example.test\nclient_id = c\n",
         "issuer: must be an https"},
        {"issuer = https://auth.idp.example.test?x=1\nclient_id = c\n", "issuer: must be an https"},
        {"issuer = " ISSUER "\n", "client_id: is missing"},
        {BASE "unknown = 1\n", "unknown: unknown key"},
        {BASE "kind = other\n", "kind: must be psc, psc-bas,"},
        {BASE "discovery = https://evil.example.test/d\n", "discovery: must be a path"},
        {BASE "discovery = relative\n", "discovery: must be a path"},
        {BASE "client_auth = private_key_jwt\n", "client_key: is missing"},
        {BASE "client_auth = tls_client_auth\n", "client_key: is missing"},
        {BASE "client_auth = tls_client_auth\nclient_key = relative\n",
         "client_certificate: is missing"},
        {BASE "client_auth = client_secret_jwt\n",
         "client_auth: must be none, client_secret_basic,"},
        {BASE "client_auth = private_key_jwt\nclient_key = /nonexistent\n",
         "/nonexistent: No such file or"},
        {BASE "client_auth = private_key_jwt\nclient_key = pkcs11:token=t\n",
         "client_key_module: must be an absolute"},
        {BASE "client_auth = private_key_jwt\nclient_key = pkcs11:token=t?pin-value=1\n"
              "client_key_module = /m.so\n",
         "client_key: a PIN belongs in"},
        {BASE "client_auth = private_key_jwt\nclient_key = /k\nclient_key_module = /m.so\n",
         "client_key_module: is for a key"},
        {BASE "client_auth = private_key_jwt\nclient_certificate = /c.pem\n",
         "client_certificate: has no use with"},
        {BASE "client_auth = client_secret_post\nclient_secret_credential = ../x\n",
         "client_secret_credential: must be the name"},
        {BASE "client_auth = client_secret_post\nclient_secret_credential = absent\n",
         "client_secret_credential: no CREDENTIALS_DIRECTORY: the service"},
        {BASE "client_auth = client_secret_post\nclient_secret_credential = a\n"
              "client_secret_file = /a\n",
         "client_secret_credential: is given beside a"},
        {BASE "client_key = /k\n", "client_key: has no use with"},
        {BASE "par = maybe\n", "par: must be auto, yes"},
        {BASE "claim_national_id = sub\n", "claim_national_id: is for kind local-idp"},
        {BASE "kind = local-idp\nclaim_national_id = a b\n", "claim_national_id: must be the name"},
        {BASE "client_auth = client_secret_basic\n", "client_secret_file: is missing"},
        {BASE "client_secret_file = /etc/secret\n", "client_secret_file: has no use with"},
        {BASE "ca_file = relative.pem\n", "ca_file: must be the absolute"},
        {BASE "ca_file = /nonexistent.pem\n", "ca_file: must be the absolute"},
        {BASE "proxy = proxy.example.test\n", "proxy: must be http://host:port or"},
        {BASE "proxy = http://proxy.example.test:3128/path\n",
         "proxy: must be http://host:port or"},
        {BASE "acr_absent = maybe\n", "acr_absent: must be accept or"},
        {BASE "channel = SMS\n", "channel: must be MOBILE or"},
        {BASE "redirect_host = 0.0.0.0\n", "redirect_host: must be 127.0.0.1 or"},
        {BASE "redirect_host = [::1]\n", "redirect_host: must be 127.0.0.1 or"},
        {BASE "redirect_path = callback\n", "redirect_path: must be a plain"},
        {BASE "redirect_path = /a b\n", "redirect_path: must be a plain"},
        {BASE "redirect_path = /a?b\n", "redirect_path: must be a plain"},
        {BASE "redirect_ports = 80\n", "redirect_ports: must be at most"},
        {BASE "redirect_ports = 65536\n", "redirect_ports: must be at most"},
        {BASE "redirect_ports = 8123x\n", "redirect_ports: must be at most"},
        {BASE "leeway_s = 61\n", "leeway_s: not a number from"},
        {BASE "leeway_s = -1\n", "leeway_s: not a number from"},
        {BASE "idp_hint = a&b\n", "idp_hint: must be letters, digits,"},
        {BASE "ciba = maybe\n", "ciba: neither yes nor no"},
        {"issuer = " ISSUER "\nclient_id = c\nallowed_hosts = *\n",
         "allowed_hosts: must be host or"},
        {"issuer = " ISSUER "\nclient_id = c\nallowed_hosts = https://wallet.example.test\n",
         "allowed_hosts: must be host or"},
        {BASE "client_auth = bearer\n", "client_auth: is not of this kind"},
        {"kind = esante-proxy\n" BASE "client_auth = client_secret_post\n",
         "client_auth: is not of this kind"},
        {BASE "client_auth = client_secret_post\nclient_secret_credential = .x\n",
         "client_secret_credential: must be the name"},
        {BASE "client_auth = private_key_jwt\nclient_key = /k\nclient_key_pin_file = /p\n",
         "client_key_pin_file: is for a key"},
        {BASE
         "client_auth = private_key_jwt\nclient_key = pkcs11:token=t\nclient_key_module = m.so\n",
         "client_key_module: must be an absolute"},
        {BASE "ca_file = .\n", "ca_file: must be the absolute"},
        {BASE "redirect_ports = 1023\n", "redirect_ports: must be at most"},
        {BASE "redirect_ports = 1 2 3\n", "redirect_ports: must be at most"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_wrong(wrong[i].keys, wrong[i].why);
}

/* Sixteen ports, the lowest and the highest among them, and one more. */
static void test_redirect_ports(void **state)
{
#define SIXTEEN                                                                                    \
    "redirect_ports = 1024 65535 2001 2002 2003 2004 2005 2006 2007 2008 2009 2010 2011 2012 "     \
    "2013 2014"
    AUTO_PROFILE struct profile *p = load(BASE SIXTEEN "\n");

    (void)state;
    assert_non_null(p);
    assert_int_equal(p->n_redirect_ports, PROFILE_PORTS_MAX);
    assert_int_equal(p->redirect_ports[1], 65535);
    check_wrong(BASE SIXTEEN " 2015\n", "redirect_ports: must be at most");
}

static void test_credentials_of_no_directory(void **state)
{
    (void)state;
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "relative", 1), 0);
    check_wrong(BASE "client_auth = client_secret_post\nclient_secret_credential = secret\n",
                "client_secret_credential: no CREDENTIALS_DIRECTORY");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void test_credential(void **state)
{
    AUTO_PROFILE struct profile *p = NULL;

    (void)state;
    write_file(secret, "secret\n", 0400);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    p = load(BASE "client_auth = client_secret_post\nclient_secret_credential = secret\n");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_non_null(p);
    assert_int_equal(secret_len(p->client_secret), 6);
    assert_null(load(BASE "client_auth = client_secret_post\nclient_secret_credential = secret\n"));
}

static bool takes_secret(const char *text, mode_t mode)
{
    AUTO_PROFILE struct profile *p = NULL;
    char keys[512];

    write_file(secret, text, mode);
    snprintf(keys, sizeof keys, BASE "client_auth = client_secret_post\nclient_secret_file = %s\n",
             secret);
    p = load(keys);
    return p != NULL && secret_len(p->client_secret) == 6 &&
           memcmp(secret_data(p->client_secret), "secret", 7) == 0;
}

static void test_secret_file(void **state)
{
    (void)state;
    assert_true(takes_secret("secret\n", 0600));
    assert_true(takes_secret("secret", 0400));
    assert_false(takes_secret("secret\n", 0640));
    assert_false(takes_secret("secret\n", 0604));
    assert_false(takes_secret("secret\n", 0620));
    assert_false(takes_secret("", 0600));
    assert_false(takes_secret("\n", 0600));
    assert_false(takes_secret("sec\nret\n", 0600));
    assert_false(takes_secret("s\xc3\xa9"
                              "cret\n",
                              0600));
}

/* The longest secret, and one byte more. */
static void test_a_long_secret(void **state)
{
    AUTO_PROFILE struct profile *p = NULL;
    char text[SECRET_FILE_MAX + 2] = "";
    char keys[512];

    (void)state;
    snprintf(keys, sizeof keys, BASE "client_auth = client_secret_post\nclient_secret_file = %s\n",
             secret);
    memset(text, 's', SECRET_FILE_MAX);
    write_file(secret, text, 0600);
    p = load(keys);
    assert_non_null(p);
    assert_int_equal(secret_len(p->client_secret), SECRET_FILE_MAX);
    text[SECRET_FILE_MAX] = 's';
    write_file(secret, text, 0600);
    assert_null(load(keys));
}

/* The examples that are shipped, as a site would fill them in. */
static void check_example(const char *name)
{
    AUTO_PROFILE struct profile *p = NULL;
    AUTO_FREE char *text = calloc(1, 8192);
    char file[512];
    char *value;
    FILE *example;

    snprintf(file, sizeof file, "%s/%s", EXAMPLES, name);
    example = fopen(file, "re");
    assert_non_null(example);
    assert_true(fread(text, 1, 8191, example) > 0);
    fclose(example);
    value = strstr(text, "client_secret_file = ");
    assert_non_null(value);
    memset(value, '#', strcspn(value, "\n"));
    value = strstr(text, "client_secret_basic");
    assert_non_null(value);
    memcpy(value, "none               ", strlen("client_secret_basic"));
    p = load(strstr(text, "[provider]") + strlen("[provider]\n"));
    assert_non_null(p);
    assert_true(p->psc);
}

static void test_example_of_another_provider(void **state)
{
    AUTO_PROFILE struct profile *p = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(profile_load(EXAMPLES "/local-idp.conf", "local", &p, &fail), CPS_OK);
    assert_false(p->psc);
    assert_string_equal(p->redirect_path, "/callback");
}

static void test_examples(void **state)
{
    (void)state;
    check_example("psc-bas.conf");
    check_example("psc.conf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_local_idp),
        cmocka_unit_test(test_psc_kinds),
        cmocka_unit_test(test_issuer_with_slash),
        cmocka_unit_test(test_mistakes_have_a_line),
        cmocka_unit_test(test_credential),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_redirect_ports),
        cmocka_unit_test(test_credentials_of_no_directory),
        cmocka_unit_test(test_secret_file),
        cmocka_unit_test(test_a_long_secret),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_example_of_another_provider),
    };

    return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
