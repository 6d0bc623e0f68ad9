/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/esante_path.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LETTERS     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define SERVICE     LETTERS "-_"
#define PATH        LETTERS "-._~!$&'()*+,;=:@/%"
#define SERVICE_MAX 64
#define HEADER_MAX  128

static bool hex(char c)
{
    return c != '\0' && strchr("0123456789ABCDEFabcdef", c) != NULL;
}

/* Escapes are whole, and hide neither '.', '/', '\\' nor a control character. */
static bool escapes_plain(const char *text)
{
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 1, '%')) {
        if (!hex(at[1]) || !hex(at[2]) || at[1] < '2' || strncasecmp(at, "%2e", 3) == 0 ||
            strncasecmp(at, "%2f", 3) == 0 || strncasecmp(at, "%5c", 3) == 0 ||
            strncasecmp(at, "%7f", 3) == 0 || strncasecmp(at, "%25", 3) == 0)
            return false;
    }
    return true;
}

/* No empty segment but the last, none of dots, once servers have dropped the ";…" of each. */
static bool segments_plain(const char *path, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t name = strcspn(path + at, "/?;");

        if (name == 0 || strspn(path + at, ".") >= name)
            return false;
        at += strcspn(path + at, "/?") + 1;
    }
    return true;
}

bool esante_path(const char *service, const char *endpoint, char path[static ESANTE_PATH_MAX])
{
    size_t service_len = service != NULL ? strlen(service) : 0;
    size_t len;
    int n;

    if (endpoint == NULL || service_len == 0 || service_len > SERVICE_MAX ||
        strspn(service, SERVICE) != service_len)
        return false;
    len = strcspn(endpoint, "?");
    if (strspn(endpoint, PATH) < len || strspn(endpoint + len, PATH "?") != strlen(endpoint + len))
        return false;
    if (!escapes_plain(endpoint) || !segments_plain(endpoint, len))
        return false;
    n = snprintf(path, ESANTE_PATH_MAX, "/send/%s/%s", service, endpoint);
    return n > 0 && n < ESANTE_PATH_MAX;
}

bool esante_method(const char *method)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; method != NULL && i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

bool esante_header(const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || len > HEADER_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    return true;
}
