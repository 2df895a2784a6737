/* All kernels of one instruction set: the products in all types of weight, then the loops over
 * vectors. Included once by each simd_*.c, after what product_body.h and vector_body.h ask
 * for, and load_bf16, load_fp16. */
#define NAME fp32
#define WEIGHT float
#define load_b load
#include "engine/kernels/product_body.h"
#undef NAME
#undef WEIGHT
#undef load_b

#define NAME bf16
#define WEIGHT uint16_t
#define load_b load_bf16
#include "engine/kernels/product_body.h"

#undef NAME
#undef WEIGHT
#undef load_b

#define NAME fp16
#define WEIGHT uint16_t
#define load_b load_fp16
#include "engine/kernels/product_body.h"

#include "engine/kernels/vector_body.h"

#include "engine/kernels/attention_body.h"
