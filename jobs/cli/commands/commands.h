/** The commands: what is done with the things that jobs made. One process, no MPI; argv[0] is
 * the command's name. */
#ifndef AC_JOBS_CLI_COMMANDS_COMMANDS_H
#define AC_JOBS_CLI_COMMANDS_COMMANDS_H

#include "engine/base/status.h"

/** Progress of a run: reads its folder, writes nothing. */
AC_MUST_CHECK ac_status ac_command_status(int argc, char **argv);

/** A job's batch script into its run folder, and to Slurm. */
AC_MUST_CHECK ac_status ac_command_submit(int argc, char **argv);

/** Every checksum and count of runs, caches and files. AC_E_FORMAT where anything is wrong. */
AC_MUST_CHECK ac_status ac_command_verify(int argc, char **argv);

/** Other programs' files -> ours: a cache from a text file and embeddings. */
AC_MUST_CHECK ac_status ac_command_import(int argc, char **argv);

/** Ours -> other programs' files: a cache as postcache.txt and postcache.npy. */
AC_MUST_CHECK ac_status ac_command_export(int argc, char **argv);

/** The reference's Lightning checkpoint -> a safetensors file of layer norms
 * (io/checkpoint/lightning.h), published whole. */
AC_MUST_CHECK ac_status ac_import_checkpoint(const char *checkpoint, const char *out);

/**
 * Layer norms laid over the BART in folder `model` -> a Hugging Face folder `out`, which must
 * be new or empty: model.safetensors, configs and tokenizer files. AC_E_FORMAT where a layer
 * norm has no place in that model.
 */
AC_MUST_CHECK ac_status ac_export_layer_norms(const char *layer_norms, const char *model,
                                              const char *out);

/** A cache made of another: entries removed, added, merged. */
AC_MUST_CHECK ac_status ac_command_cache_edit(int argc, char **argv);

/** What differs between two caches: JSON lines. AC_E_ARG (exit code 1) where anything does. */
AC_MUST_CHECK ac_status ac_command_cache_diff(int argc, char **argv);

/** What a person said of a run's captions, into the run. */
AC_MUST_CHECK ac_status ac_command_import_review(int argc, char **argv);

/** Images of a run, captioned again from their retrieved entries, one at a time: JSON lines.
 * The run is not changed. */
AC_MUST_CHECK ac_status ac_command_recaption(int argc, char **argv);

/** retell RUN KEY… */
AC_MUST_CHECK ac_status ac_command_retell(int argc, char **argv);

/** The images nearest to a text, an image, a key, an embedding. Under mpirun or srun all ranks
 * search. */
AC_MUST_CHECK ac_status ac_command_search(int argc, char **argv);

/** A run's report.html, written again. */
AC_MUST_CHECK ac_status ac_command_report(int argc, char **argv);

#endif
