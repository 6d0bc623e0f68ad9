/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/crl_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/trust/pins.h"
#include "base/proto.h"
#include "base/util.h"

void crl_cache_name(const char *url, const X509 *issuer, char ret_name[static CRL_CACHE_NAME_SIZE])
{
    char text[2048], fingerprint[FINGERPRINT_SIZE];
    unsigned char digest[32] = {0};

    fingerprint_of(issuer, fingerprint);
    snprintf(text, sizeof text, "%s %s", fingerprint, url);
    (void)EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), digest, NULL);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(ret_name + 2 * i, 3, "%02x", digest[i]);
    strncat(ret_name, ".crl", CRL_CACHE_NAME_SIZE - strlen(ret_name) - 1);
}

int crl_cache_open(const char *state_dir, const char *name, int64_t *ret_fetched_s)
{
    AUTO_CLOSE int fd = -1;
    char path[PATH_MAX];
    struct stat st;

    snprintf(path, sizeof path, "%s/crl/%s", state_dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        st.st_size > FETCH_MAX)
        return -1;
    *ret_fetched_s = (int64_t)st.st_mtime;
    return TAKE_FD(fd);
}

int crl_cache_create(const char *state_dir, const char *name)
{
    char directory[PATH_MAX], path[PATH_MAX];

    snprintf(directory, sizeof directory, "%s/crl", state_dir);
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return -1;
    snprintf(path, sizeof path, "%s/crl/.%s.new", state_dir, name);
    unlink(path);
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int crl_cache_keep(const char *state_dir, const char *name)
{
    char path[PATH_MAX], temporary[PATH_MAX];

    snprintf(path, sizeof path, "%s/crl/%s", state_dir, name);
    snprintf(temporary, sizeof temporary, "%s/crl/.%s.new", state_dir, name);
    return rename(temporary, path);
}
