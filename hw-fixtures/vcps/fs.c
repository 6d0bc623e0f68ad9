/* SPDX-License-Identifier: Apache-2.0 */
#include "fs.h"

#include <string.h>

#include "p15.h"

enum {
    FID_DIR = 0x2F00,
    FID_ATR = 0x2F01,
    FID_SN = 0xD003,
    FID_ODF = 0x5031,
    FID_TOKEN_INFO = 0x5032,
};

/* --- building ------------------------------------------------------------------------------- */

static bool add_file(struct fs *fs, struct fs_file f, struct der *content)
{
    if (fs->n_files == FS_FILES_MAX) {
        der_done(content);
        return false;
    }
    f.data = der_take(content, &f.len);
    if (!f.data)
        return false;
    fs->files[fs->n_files++] = f;
    return true;
}

static bool add_bytes(struct fs *fs, struct fs_file f, const uint8_t *bytes, size_t n)
{
    struct der d = {0};

    der_put(&d, bytes, n);
    return add_file(fs, f, &d);
}

static bool add_master_files(struct fs *fs)
{
    struct der atr = {0}, dir = {0}, sn = {0};

    p15_ef_atr(&atr);
    p15_ef_dir(&dir, fs->image);
    p15_ef_sn(&sn, fs->image);
    const struct fs_file f = {.df = FS_MF, .update = ACCESS_NEVER};
    struct fs_file f_atr = f, f_dir = f, f_sn = f;
    f_atr.fid = FID_ATR, f_atr.sfi = 0x1D;
    f_dir.fid = FID_DIR, f_dir.sfi = 0x1E;
    f_sn.fid = FID_SN, f_sn.sfi = 0x1C;
    bool ok = add_file(fs, f_atr, &atr);
    ok = add_file(fs, f_dir, &dir) && ok;
    return add_file(fs, f_sn, &sn) && ok;
}

static bool add_directories(struct fs *fs, const struct image_app *app)
{
    struct fs_file f = {.df = app->df, .fid = FID_ODF, .update = ACCESS_NEVER};
    struct der odf = {0}, info = {0};

    p15_odf(&odf, app);
    p15_token_info(&info, fs->image);
    bool ok = add_file(fs, f, &odf);
    f.fid = FID_TOKEN_INFO;
    ok = add_file(fs, f, &info) && ok;
    for (size_t i = 0; ok && i < app->n_odf; i++) {
        struct der d = {0};
        p15_directory(&d, app, app->odf[i].kind);
        f.fid = app->odf[i].fid;
        ok = add_file(fs, f, &d);
    }
    return ok;
}

static bool add_objects(struct fs *fs, const struct image_app *app)
{
    struct fs_file f = {.df = app->df, .update = ACCESS_NEVER};
    bool ok = true;

    for (size_t i = 0; ok && i < app->n_keys; i++) {
        const struct image_key *k = &app->keys[i];
        struct der pub = {0};
        p15_public_key(&pub, k->pkey);
        f.fid = k->pub_fid;
        ok = add_file(fs, f, &pub);
        f.fid = k->cert_fid;
        ok = ok && add_bytes(fs, f, k->cert, k->cert_len);
    }
    for (size_t i = 0; ok && i < app->n_data; i++) {
        const struct image_data *d = &app->data[i];
        f.fid = d->fid;
        f.read = d->read;
        f.update = d->update;
        ok = add_bytes(fs, f, d->value, d->len);
    }
    return ok;
}

bool fs_init(struct fs *fs, const struct image *im)
{
    *fs = (struct fs){.image = im};
    bool ok = !image_has_files(im) || add_master_files(fs);
    for (size_t i = 0; ok && i < im->n_apps; i++)
        ok = add_directories(fs, &im->apps[i]) && add_objects(fs, &im->apps[i]);
    fs_reset(fs);
    if (!ok)
        fs_done(fs);
    return ok;
}

void fs_done(struct fs *fs)
{
    for (size_t i = 0; i < fs->n_files; i++)
        free(fs->files[i].data);
    *fs = (struct fs){0};
}

void fs_reset(struct fs *fs)
{
    fs->df = FS_MF;
    fs->ef = NULL;
}

/* --- finding -------------------------------------------------------------------------------- */

static bool reachable(const struct fs *fs, const struct image_app *app)
{
    return app->contactless || !fs->image->contactless;
}

const struct image_app *fs_app_by_df(const struct fs *fs, uint16_t df)
{
    for (size_t i = 0; i < fs->image->n_apps; i++)
        if (fs->image->apps[i].df == df && reachable(fs, &fs->image->apps[i]))
            return &fs->image->apps[i];
    return NULL;
}

const struct image_app *fs_app_by_aid(const struct fs *fs, const uint8_t *aid, size_t n)
{
    for (size_t i = 0; i < fs->image->n_apps; i++) {
        const struct image_app *app = &fs->image->apps[i];
        if (n == app->aid_len && memcmp(aid, app->aid, n) == 0 && reachable(fs, app))
            return app;
    }
    return NULL;
}

const struct image_app *fs_current_app(const struct fs *fs)
{
    return fs_app_by_df(fs, fs->df);
}

struct fs_file *fs_find_child(struct fs *fs, uint16_t df, uint16_t fid)
{
    for (size_t i = 0; i < fs->n_files; i++)
        if (fs->files[i].df == df && fs->files[i].fid == fid)
            return &fs->files[i];
    return NULL;
}

static struct fs_file *find_sfi(struct fs *fs, uint8_t sfi)
{
    for (size_t i = 0; i < fs->n_files; i++)
        if (fs->files[i].df == fs->df && fs->files[i].sfi == sfi && sfi)
            return &fs->files[i];
    return NULL;
}

/* --- commands ------------------------------------------------------------------------------- */

/* P1 with bit 7 carries a short identifier and P2 the offset; otherwise both are the offset. */
static uint16_t locate(struct fs *fs, const struct apdu *a, size_t *ret_offset)
{
    if (a->p1 & 0x80) {
        struct fs_file *ef = find_sfi(fs, a->p1 & 0x1F);
        if (!ef || (a->p1 & 0x60))
            return SW_NOT_FOUND;
        fs->ef = ef;
        *ret_offset = a->p2;
        return SW_OK;
    }
    *ret_offset = (size_t)a->p1 << 8 | a->p2;
    return fs->ef ? SW_OK : SW_NO_CURRENT_EF;
}

static bool allowed(enum access rule, bool pin_ok)
{
    return rule == ACCESS_ALWAYS || (rule == ACCESS_PIN && pin_ok);
}

uint16_t fs_read(struct fs *fs, const struct apdu *a, bool pin_ok, struct reply *r)
{
    size_t offset;
    uint16_t sw = locate(fs, a, &offset);

    if (sw != SW_OK)
        return sw;
    if (!allowed(fs->ef->read, pin_ok))
        return SW_SECURITY;
    if (a->lc || a->le == 0)
        return SW_WRONG_LENGTH;
    if (offset >= fs->ef->len)
        return SW_BAD_OFFSET;
    size_t left = fs->ef->len - offset;
    size_t want = a->le > LE_MAX_SHORT ? LE_MAX_SHORT : a->le;
    if (want > left && fs->image->short_read_6c)
        return (uint16_t)(SW_EXACT_LE | left);
    r->len = want < left ? want : left;
    memcpy(r->data, fs->ef->data + offset, r->len);
    return want > left ? SW_END_OF_FILE : SW_OK;
}

uint16_t fs_update(struct fs *fs, const struct apdu *a, bool pin_ok)
{
    size_t offset;
    uint16_t sw = locate(fs, a, &offset);

    if (sw != SW_OK)
        return sw;
    if (!allowed(fs->ef->update, pin_ok))
        return SW_SECURITY;
    if (a->lc == 0)
        return SW_WRONG_LENGTH;
    if (offset > fs->ef->len || a->lc > fs->ef->len - offset)
        return SW_NO_ROOM;
    memcpy(fs->ef->data + offset, a->data, a->lc);
    return SW_OK;
}
