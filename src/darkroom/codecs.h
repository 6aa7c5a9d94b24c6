/* SPDX-License-Identifier: Apache-2.0
 *
 * codecs - libjpeg-turbo, libspng, libwebp and giflib, loaded by the darkroom alone; for files
 * of this folder alone.
 *
 * Linked to the program they would be mapped into every role, and a hole in one of them would
 * lie beside the store.  They are loaded before the role shuts itself in; from then on
 * nothing is.
 */
#ifndef SUT_DARKROOM_CODECS_H
#define SUT_DARKROOM_CODECS_H

#include <stddef.h>
#include <stdio.h> /* jpeglib.h needs it */

#include <gif_lib.h>
#include <jpeglib.h>
#include <spng.h>
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

#include "base/diag.h"
#include "base/err.h"

/* clang-format off */
#define SUT_CODECS_JPEG(X) \
    X(jpeg_CreateCompress) \
    X(jpeg_CreateDecompress) \
    X(jpeg_destroy_compress) \
    X(jpeg_destroy_decompress) \
    X(jpeg_finish_compress) \
    X(jpeg_finish_decompress) \
    X(jpeg_mem_src) \
    X(jpeg_read_header) \
    X(jpeg_read_scanlines) \
    X(jpeg_save_markers) \
    X(jpeg_set_defaults) \
    X(jpeg_set_quality) \
    X(jpeg_start_compress) \
    X(jpeg_start_decompress) \
    X(jpeg_std_error) \
    X(jpeg_write_scanlines)
#define SUT_CODECS_PNG(X) \
    X(spng_ctx_free) \
    X(spng_ctx_new2) \
    X(spng_decode_chunks) \
    X(spng_decode_image) \
    X(spng_encode_image) \
    X(spng_get_ihdr) \
    X(spng_get_png_buffer) \
    X(spng_get_trns) \
    X(spng_set_chunk_limits) \
    X(spng_set_crc_action) \
    X(spng_set_ihdr) \
    X(spng_set_image_limits) \
    X(spng_set_option) \
    X(spng_set_png_buffer)
#define SUT_CODECS_WEBP(X) \
    X(WebPConfigInitInternal) \
    X(WebPConfigLosslessPreset) \
    X(WebPDecodeRGBAInto) \
    X(WebPDecodeRGBInto) \
    X(WebPEncode) \
    X(WebPGetFeaturesInternal) \
    X(WebPMemoryWrite) \
    X(WebPMemoryWriterClear) \
    X(WebPMemoryWriterInit) \
    X(WebPPictureFree) \
    X(WebPPictureImportRGB) \
    X(WebPPictureImportRGBA) \
    X(WebPPictureInitInternal)
#define SUT_CODECS_WEBP_DEMUX(X) \
    X(WebPDemuxDelete) \
    X(WebPDemuxGetFrame) \
    X(WebPDemuxGetI) \
    X(WebPDemuxInternal) \
    X(WebPDemuxReleaseIterator)
#define SUT_CODECS_GIF(X) \
    X(DGifCloseFile) \
    X(DGifGetCode) \
    X(DGifGetCodeNext) \
    X(DGifGetExtension) \
    X(DGifGetExtensionNext) \
    X(DGifGetImageDesc) \
    X(DGifGetLine) \
    X(DGifGetRecordType) \
    X(DGifOpen)
/* clang-format on */

struct sut_codecs {
#define SUT_CODECS_MEMBER(name_) __typeof__(name_) *name_;
    SUT_CODECS_JPEG(SUT_CODECS_MEMBER)
    SUT_CODECS_PNG(SUT_CODECS_MEMBER)
    SUT_CODECS_WEBP(SUT_CODECS_MEMBER)
    SUT_CODECS_WEBP_DEMUX(SUT_CODECS_MEMBER)
    SUT_CODECS_GIF(SUT_CODECS_MEMBER)
#undef SUT_CODECS_MEMBER
};

#endif
