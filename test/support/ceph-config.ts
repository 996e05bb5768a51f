import { randomUUID } from "node:crypto";
import { join } from "node:path";

export interface CephPlan {
  folder: string;
  monitorPort: number;
  gatewayPort: number;
  /** The storage daemon takes free ones from here on, out of a hundred. */
  firstStoragePort: number;
}

/** The smallest cluster there can be: a monitor, a storage daemon with one copy of everything, a gateway; on loopback. */
export function cephConfig({ folder, monitorPort, gatewayPort, firstStoragePort }: CephPlan): string {
  return `[global]
fsid = ${randomUUID()}
mon_host = [v2:127.0.0.1:${monitorPort}]
mon_initial_members = a
ms_bind_ipv6 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = ${firstStoragePort}
ms_bind_port_max = ${firstStoragePort + 99}
keyring = ${join(folder, "keyring")}
auth_allow_insecure_global_id_reclaim = false
run_dir = ${folder}
admin_socket =
log_file = ${join(folder, "$name.log")}
crash_dir = ${folder}
err_to_stderr = true
debug_rocksdb = 0/0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
rgw_rados_pool_pg_num_min = 8
[mon]
mon_data = ${join(folder, "mon")}
mon_cluster_log_file = ${join(folder, "cluster.log")}
mon_data_avail_warn = 2
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
[osd]
osd_data = ${join(folder, "osd")}
osd_objectstore = bluestore
bluestore_block_size = ${8 * 1024 ** 3}
bluestore_block_preallocate_file = false
bluestore_cache_autotune = false
bluestore_cache_size = ${64 * 1024 ** 2}
osd_memory_target = ${896 * 1024 ** 2}
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 2
crush_location = root=default host=localhost
[client]
rgw_data = ${join(folder, "gateway")}
# Without tcp_nodelay each answer with a body waits 40 ms for the client's delayed acknowledgement.
rgw_frontends = beast endpoint=127.0.0.1:${gatewayPort} tcp_nodelay=1
rgw_enable_usage_log = false
rgw_run_sync_thread = false
rgw_thread_pool_size = 64
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
# The room of deleted objects is soon free; by default it takes two hours.
rgw_gc_obj_min_wait = 30
rgw_gc_processor_period = 15
`;
}
