-- The four realtime triggers on three channels. Apart from the tables, since the history is written before they exist;
-- running one again makes it whole, whatever has been done to it.

create or replace trigger trg_messages_notify after insert on messages
    for each row execute function notify_message();

create or replace trigger trg_conversations_notify after insert or update on conversations
    for each row execute function notify_conversation();

create or replace trigger trg_cluster_assignments_notify after insert or update or delete on cluster_assignments
    for each row execute function notify_assignment();

create or replace trigger trg_notifications_notify after insert on notifications
    for each row execute function notify_notification();
